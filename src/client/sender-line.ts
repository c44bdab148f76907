/**
 * One sender in a single chat: where its late messages belong.
 *
 * Its messages that are not late came in the order of their numbers: within a *life*, epochs and numbers grow along
 * `seq`; where they don't, the lane saw a reset, and the next life begins. A late message belongs to the life that went
 * on when it came, or to an earlier one where its `sentAt` is before the reset. Its place is before the first message of
 * that life that has a higher number and came before it; where the life has none, before the first of the next life;
 * and where there is none either, at its own `seq`.
 *
 * All of it is computed from the set of messages alone, so the order in which they were added can't show.
 */
import { compareKeys, firstIndex, type TimelineDelivery, type TimelineEntry } from './timeline-entry.js';

export interface Placement<D extends TimelineDelivery> {
  readonly entry: TimelineEntry<D>;
  readonly placeSeq: number;
  readonly lifeSeq: number;
}

export class SenderLine<D extends TimelineDelivery> {
  /** Not late, by `seq`. */
  readonly #onTime: TimelineEntry<D>[] = [];
  /** Those of them that begin a life other than the first, by `seq`. */
  readonly #resets: TimelineEntry<D>[] = [];
  readonly #late = new Set<TimelineEntry<D>>();
  /** Late messages that stand before another, by its `seq`. */
  readonly #lateBefore = new Map<number, Set<TimelineEntry<D>>>();
  /** Late messages at their own `seq`, by `seq`. */
  readonly #lateAtHome: TimelineEntry<D>[] = [];

  /** Adds a late message, and places it. */
  addLate(entry: TimelineEntry<D>): void {
    this.#late.add(entry);
    const { placeSeq, lifeSeq } = this.#placeOf(entry);
    this.#enter(entry, placeSeq, lifeSeq);
  }

  /** Adds a message that is not late. @returns the late ones that belong elsewhere now, for `place` */
  addOnTime(entry: TimelineEntry<D>): Placement<D>[] {
    const at = firstIndex(this.#onTime, 0, this.#onTime.length, ({ seq }) => seq > entry.seq);
    const before = this.#onTime[at - 1];
    const after = this.#onTime[at];
    this.#onTime.splice(at, 0, entry);
    const isReset = this.#markReset(entry, before);
    const afterChanged = after !== undefined && this.#markReset(after, entry);
    if (this.#late.size === 0) return [];
    const affected = isReset || afterChanged ? this.#late : this.#affectedBy(entry, after);
    return [...affected]
      .map((late) => this.#placeOf(late))
      .filter(({ entry: late, placeSeq, lifeSeq }) => late.placeSeq !== placeSeq || late.lifeSeq !== lifeSeq);
  }

  place({ entry, placeSeq, lifeSeq }: Placement<D>): void {
    this.#leave(entry);
    this.#enter(entry, placeSeq, lifeSeq);
  }

  /**
   * Where no life begins or ends, a new message can only take in those that stood before the next one, and those
   * at home between the two: all others have their place at a lower `seq`, or numbers above the next one's.
   */
  #affectedBy(entry: TimelineEntry<D>, after: TimelineEntry<D> | undefined): TimelineEntry<D>[] {
    const until = after?.seq ?? Number.POSITIVE_INFINITY;
    const from = firstIndex(this.#lateAtHome, 0, this.#lateAtHome.length, ({ seq }) => seq > entry.seq);
    const to = firstIndex(this.#lateAtHome, from, this.#lateAtHome.length, ({ seq }) => seq > until);
    return [...this.#lateAtHome.slice(from, to), ...(this.#lateBefore.get(until) ?? [])];
  }

  /** Whether `entry` begins a life, told by the one before it. @returns whether that changed */
  #markReset(entry: TimelineEntry<D>, before: TimelineEntry<D> | undefined): boolean {
    const isReset = before !== undefined && compareKeys(entry.key, before.key) <= 0;
    const at = firstIndex(this.#resets, 0, this.#resets.length, ({ seq }) => seq >= entry.seq);
    const wasReset = this.#resets[at] === entry;
    if (isReset === wasReset) return false;
    if (isReset) this.#resets.splice(at, 0, entry);
    else this.#resets.splice(at, 1);
    return true;
  }

  #placeOf(late: TimelineEntry<D>): Placement<D> {
    const cameBefore = this.#indexAtOrAfter(late.seq);
    let life = firstIndex(this.#resets, 0, this.#resets.length, ({ seq }) => seq > late.seq);
    while (life > 0 && late.delivery.sentAt < (this.#resets[life - 1] as TimelineEntry<D>).delivery.sentAt) life -= 1;
    const lifeSeq = this.#resets[life - 1]?.seq ?? 0;
    const nextLifeSeq = this.#resets[life]?.seq ?? Number.POSITIVE_INFINITY;
    const begin = this.#indexAtOrAfter(lifeSeq);
    const end = Math.min(cameBefore, this.#indexAtOrAfter(nextLifeSeq));
    const at = firstIndex(this.#onTime, begin, end, ({ key }) => compareKeys(key, late.key) > 0);
    // At `end` stands the first of the next life; where that came later than this one, nothing stands in its way.
    const anchor = at < cameBefore ? this.#onTime[at] : undefined;
    return { entry: late, placeSeq: anchor?.seq ?? late.seq, lifeSeq };
  }

  #indexAtOrAfter(seq: number): number {
    return firstIndex(this.#onTime, 0, this.#onTime.length, (entry) => entry.seq >= seq);
  }

  #enter(entry: TimelineEntry<D>, placeSeq: number, lifeSeq: number): void {
    entry.placeSeq = placeSeq;
    entry.lifeSeq = lifeSeq;
    if (placeSeq === entry.seq) {
      const at = firstIndex(this.#lateAtHome, 0, this.#lateAtHome.length, ({ seq }) => seq > entry.seq);
      this.#lateAtHome.splice(at, 0, entry);
      return;
    }
    const others = this.#lateBefore.get(placeSeq);
    if (others === undefined) this.#lateBefore.set(placeSeq, new Set([entry]));
    else others.add(entry);
  }

  #leave(entry: TimelineEntry<D>): void {
    if (entry.placeSeq === entry.seq) {
      const at = firstIndex(this.#lateAtHome, 0, this.#lateAtHome.length, ({ seq }) => seq >= entry.seq);
      this.#lateAtHome.splice(at, 1);
      return;
    }
    const others = this.#lateBefore.get(entry.placeSeq);
    others?.delete(entry);
    if (others?.size === 0) this.#lateBefore.delete(entry.placeSeq);
  }
}
