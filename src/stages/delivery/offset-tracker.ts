import { invariant } from '../../invariant.js';

/** Names a begun offset to `done`. */
export type Ticket = number;

/**
 * Which offsets of a partition are dealt with, in whatever order that happens, and up to where without exception.
 * Takes a few bytes for each offset from the first unfinished one on, and nothing for those before it.
 */
export class OffsetTracker {
  /** Where to go on once an entry and all before it are done. */
  #nexts: number[] = [];
  #done: boolean[] = [];
  /** Ticket of the first entry of the arrays. */
  #firstTicket = 0;
  /** Index of the first unfinished entry. */
  #head = 0;
  #nextOffset: number | null;

  /** `nextOffset` says where the partition begins, where that is known. */
  constructor(nextOffset: number | null = null) {
    this.#nextOffset = nextOffset;
  }

  /** Everything before it is done; null until something is. Never falls. */
  get nextOffset(): number | null {
    return this.#nextOffset;
  }

  /** Entries from the first unfinished one on, done or not. */
  get length(): number {
    return this.#nexts.length - this.#head;
  }

  /**
   * Begins what lies from `offset` to before `nextOffset`. Offsets grow; holes between them are fine, for a
   * transaction's marker takes one and is never seen.
   */
  begin(offset: number, nextOffset = offset + 1): Ticket {
    const expected = this.#nexts.at(-1) ?? this.#nextOffset ?? 0;
    invariant(offset >= expected && nextOffset > offset, `offset ${offset} begun where ${expected} was next`);
    this.#nexts.push(nextOffset);
    this.#done.push(false);
    return this.#firstTicket + this.#nexts.length - 1;
  }

  /** Whether `nextOffset` moved. */
  finish(ticket: Ticket): boolean {
    const index = ticket - this.#firstTicket;
    invariant(this.#done[index] === false, `ticket ${ticket} finished twice, or never begun`);
    this.#done[index] = true;
    if (index !== this.#head) return false;
    while (this.#done[this.#head] === true) this.#head += 1;
    this.#nextOffset = this.#nexts[this.#head - 1] ?? this.#nextOffset;
    this.#compact();
    return true;
  }

  #compact(): void {
    const drop = this.#head;
    if (drop < 64 || drop * 2 < this.#nexts.length) return;
    this.#nexts = this.#nexts.slice(drop);
    this.#done = this.#done.slice(drop);
    this.#firstTicket += drop;
    this.#head -= drop;
  }
}
