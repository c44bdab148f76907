/**
 * A receiver's view of one conversation: takes its deliveries in any order and any number of times, from the live feed
 * and from history, and keeps them in the order to show them. Timelines that have seen the same deliveries are equal.
 *
 * Groups stand in the order of `seq`. A single chat does, too, but for late messages: each stands where its sender's
 * numbers say (sender-line.ts). docs/ordering.md has the pictures.
 */
import { InorderError } from '../errors.js';
import { SenderLine } from './sender-line.js';
import { SeqRanges, type SeqRange } from './seq-ranges.js';
import { comparePlaces, firstIndex, TimelineEntry, type TimelineDelivery } from './timeline-entry.js';

/** To be applied one after the other to a copy of `messages`, as a list view does. */
export type TimelineChange<D> =
  | { readonly kind: 'insert'; readonly at: number; readonly message: D }
  /** Take the one at `from` out, then put it in at `to`. */
  | { readonly kind: 'move'; readonly from: number; readonly to: number; readonly message: D };

export type TimelineUpdate<D> =
  /** The first change is the message's own insertion; the others are late messages that now stand elsewhere. */
  | { readonly kind: 'added'; readonly changes: readonly TimelineChange<D>[] }
  /** It was there already. */
  | { readonly kind: 'duplicate'; readonly changes: readonly [] }
  /** Another message has this `seq`: two sources contradict each other. The one that came first stays. */
  | { readonly kind: 'conflict'; readonly changes: readonly []; readonly known: D };

export interface TimelineOptions {
  /** That of the first delivery unless given. */
  readonly conversationId?: string;
  /** Gaps below it don't count, for a view that begins in the middle; 1 unless given. */
  readonly fromSeq?: number;
}

const NOTHING = [] as const;

export class Timeline<D extends TimelineDelivery = TimelineDelivery> {
  #conversationId: string | null;
  readonly #fromSeq: number;
  readonly #bySeq = new Map<number, D>();
  readonly #seen = new SeqRanges();
  readonly #lines = new Map<string, SenderLine<D>>();
  /** In order; `#messages` holds the same, as the caller sees it. */
  readonly #entries: TimelineEntry<D>[] = [];
  readonly #messages: D[] = [];

  /** @throws InorderError usage */
  constructor({ conversationId, fromSeq = 1 }: TimelineOptions = {}) {
    if (!isCount(fromSeq)) throw wrong(`fromSeq is ${String(fromSeq)}: expected an integer from 1 to 2^53-1`);
    this.#conversationId = conversationId ?? null;
    this.#fromSeq = fromSeq;
  }

  /** In the order to show them. The array itself changes with the next `add`: copy it to keep it. */
  get messages(): readonly D[] {
    return this.#messages;
  }

  /** Missing below the highest `seq` seen, lowest first. */
  get gaps(): SeqRange[] {
    return this.#seen.gaps(this.#fromSeq);
  }

  /**
   * Time: logarithmic in the number of messages, plus a move of the references behind the place, of which an append
   * near the end has few. @throws InorderError usage: not a delivery, or one of another conversation
   */
  add(delivery: D): TimelineUpdate<D> {
    this.#assertFits(delivery);
    const known = this.#bySeq.get(delivery.seq);
    if (known !== undefined) {
      return isSame(known, delivery)
        ? { kind: 'duplicate', changes: NOTHING }
        : { kind: 'conflict', changes: NOTHING, known };
    }
    this.#conversationId = delivery.conversationId;
    this.#bySeq.set(delivery.seq, delivery);
    this.#seen.add(delivery.seq);
    const entry = new TimelineEntry(delivery);
    const line = this.#lineOf(entry);
    if (line === null) return { kind: 'added', changes: [this.#insert(entry)] };
    if (delivery.late === true) {
      line.addLate(entry);
      return { kind: 'added', changes: [this.#insert(entry)] };
    }
    const changes: TimelineChange<D>[] = [this.#insert(entry)];
    for (const placement of line.addOnTime(entry)) {
      const from = this.#take(placement.entry);
      line.place(placement);
      const { at: to, message } = this.#insert(placement.entry);
      if (from !== to) changes.push({ kind: 'move', from, to, message });
    }
    return { kind: 'added', changes };
  }

  /** Null where no sender's number decides: in groups, and for messages without one. */
  #lineOf({ key, delivery }: TimelineEntry<D>): SenderLine<D> | null {
    if (key === null || !delivery.conversationId.startsWith('single:')) return null;
    let line = this.#lines.get(delivery.senderId);
    if (line === undefined) {
      line = new SenderLine();
      this.#lines.set(delivery.senderId, line);
    }
    return line;
  }

  #insert(entry: TimelineEntry<D>): TimelineChange<D> & { kind: 'insert' } {
    const at = this.#indexBehind(entry);
    this.#entries.splice(at, 0, entry);
    this.#messages.splice(at, 0, entry.delivery);
    return { kind: 'insert', at, message: entry.delivery };
  }

  /** @returns where it was */
  #take(entry: TimelineEntry<D>): number {
    const at = this.#indexBehind(entry) - 1;
    this.#entries.splice(at, 1);
    this.#messages.splice(at, 1);
    return at;
  }

  /** The index of the first entry whose place is behind this one's. */
  #indexBehind(entry: TimelineEntry<D>): number {
    const last = this.#entries.at(-1);
    if (last === undefined || comparePlaces(last, entry) <= 0) return this.#entries.length;
    return firstIndex(this.#entries, 0, this.#entries.length, (other) => comparePlaces(other, entry) > 0);
  }

  #assertFits(delivery: D): void {
    const { seq, conversationId, senderSeq, senderEpoch } = delivery;
    if (!isCount(seq)) throw wrong(`seq is ${String(seq)}: expected an integer from 1 to 2^53-1`);
    if (typeof conversationId !== 'string') throw wrong(`the message with seq ${seq} has no conversationId`);
    if (this.#conversationId !== null && conversationId !== this.#conversationId) {
      throw wrong(
        `the message with seq ${seq} is of ${conversationId}: this is the timeline of ${this.#conversationId}`,
      );
    }
    if (!isAbsent(senderSeq) && !isCount(senderSeq)) {
      throw wrong(
        `senderSeq of the message with seq ${seq} is ${String(senderSeq)}: expected an integer from 1 to 2^53-1`,
      );
    }
    if (!isAbsent(senderEpoch) && senderEpoch !== 0 && !isCount(senderEpoch)) {
      throw wrong(
        `senderEpoch of the message with seq ${seq} is ${String(senderEpoch)}: expected an integer from 0 to 2^53-1`,
      );
    }
    if (!Number.isFinite(delivery.sentAt)) throw wrong(`the message with seq ${seq} has no sentAt`);
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}

function isAbsent(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

/** Bodies are compared where both are of one kind: the feed may give bytes, and the history what was parsed. */
function isSame(a: TimelineDelivery, b: TimelineDelivery): boolean {
  return (
    String(a.msgId) === String(b.msgId) &&
    a.senderId === b.senderId &&
    a.clientMsgId === b.clientMsgId &&
    (a.senderSeq ?? null) === (b.senderSeq ?? null) &&
    (a.senderEpoch ?? null) === (b.senderEpoch ?? null) &&
    (a.late ?? false) === (b.late ?? false) &&
    isSameBody(a.body, b.body)
  );
}

function isSameBody(a: unknown, b: unknown): boolean {
  if (a === b || a instanceof Uint8Array !== b instanceof Uint8Array) return true;
  if (a instanceof Uint8Array && b instanceof Uint8Array) {
    return a.length === b.length && a.every((byte, index) => byte === b[index]);
  }
  return isSameJson(a, b);
}

/** Names in any order, as JSON has it. */
function isSameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every(
      (name) =>
        Object.hasOwn(b, name) &&
        isSameJson((a as Record<string, unknown>)[name], (b as Record<string, unknown>)[name]),
    )
  );
}

function wrong(what: string): InorderError {
  return new InorderError('usage', what);
}
