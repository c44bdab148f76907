/**
 * Lets some records come after later ones, as clients, networks and servers do: each of a share is held back behind up
 * to `MOST_PLACES` others. Every record comes once; what is still held back at the end comes last.
 */
import type { SeededRandom } from './random.js';

/** At 600 records a second a third of a second, which the default window (docs/ordering.md) waits for. */
const MOST_PLACES = 200;

interface HeldBack<T> {
  readonly record: T;
  /** When so many have come. */
  readonly dueAt: number;
}

export class Reordered<T> implements Iterator<T> {
  readonly #records: Iterator<T>;
  readonly #share: number;
  readonly #random: SeededRandom;
  /** At most `MOST_PLACES`. */
  #heldBack: HeldBack<T>[] = [];
  #come = 0;

  /** @param share of the records that are held back, 0 to 1. */
  constructor(records: Iterator<T>, share: number, random: SeededRandom) {
    this.#records = records;
    this.#share = share;
    this.#random = random;
  }

  next(): IteratorResult<T, undefined> {
    const due = this.#heldBack.findIndex(({ dueAt }) => dueAt <= this.#come);
    if (due >= 0) return this.#give(this.#heldBack.splice(due, 1)[0] as HeldBack<T>);
    for (;;) {
      const next = this.#records.next();
      if (next.done === true) break;
      const isFull = this.#heldBack.length === MOST_PLACES;
      if (isFull || !this.#random.chance(this.#share)) return this.#give({ record: next.value, dueAt: 0 });
      this.#heldBack.push({ record: next.value, dueAt: this.#come + this.#random.between(1, MOST_PLACES) });
    }
    const last = this.#heldBack.shift();
    return last === undefined ? { done: true, value: undefined } : this.#give(last);
  }

  /** What is held back, which nothing will follow: for a sending that ends early. */
  rest(): T[] {
    const records = this.#heldBack.map(({ record }) => record);
    this.#heldBack = [];
    return records;
  }

  #give({ record }: HeldBack<T>): IteratorResult<T, undefined> {
    this.#come += 1;
    return { done: false, value: record };
  }
}
