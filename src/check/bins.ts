/**
 * Where the checker lays down what must meet again: entries of a fixed number of words, sorted into bins by their
 * identity, so that only one bin at a time need be in memory (a grace hash join).
 */
export const ENTRY_WORDS = 7;
export const BIN_COUNT = 256;

export interface Bins {
  /** Copies the entry into a bin. */
  add(bin: number, entry: Uint32Array): void;
  /** All entries of a bin, one after the other; the bin is empty afterwards. */
  take(bin: number): Uint32Array;
  /** Lets go of what is held. Idempotent. */
  close(): void;
}

const FIRST_WORDS = 64 * ENTRY_WORDS;

/** All in memory: 28 bytes an entry, two entries a message. */
export class MemoryBins implements Bins {
  readonly #words: Uint32Array[] = Array.from({ length: BIN_COUNT }, () => new Uint32Array(FIRST_WORDS));
  readonly #lengths = new Uint32Array(BIN_COUNT);

  add(bin: number, entry: Uint32Array): void {
    const at = this.#lengths[bin] as number;
    let words = this.#words[bin] as Uint32Array;
    if (at + ENTRY_WORDS > words.length) {
      const larger = new Uint32Array(words.length * 2);
      larger.set(words);
      this.#words[bin] = words = larger;
    }
    for (let i = 0; i < ENTRY_WORDS; i++) words[at + i] = entry[i] as number;
    this.#lengths[bin] = at + ENTRY_WORDS;
  }

  take(bin: number): Uint32Array {
    const words = (this.#words[bin] as Uint32Array).subarray(0, this.#lengths[bin]);
    this.#words[bin] = new Uint32Array(FIRST_WORDS);
    this.#lengths[bin] = 0;
    return words;
  }

  close(): void {
    for (let bin = 0; bin < BIN_COUNT; bin++) this.take(bin);
  }
}
