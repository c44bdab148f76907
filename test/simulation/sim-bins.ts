import { ENTRY_WORDS, type Bins } from '../../src/check/bins.js';

const NOTHING = new Uint32Array();

/** Bins for a few dozen entries: nothing is set aside for those that stay empty. */
export class SimBins implements Bins {
  readonly #entries = new Map<number, number[]>();

  add(bin: number, entry: Uint32Array): void {
    const entries = this.#entries.get(bin);
    if (entries === undefined) this.#entries.set(bin, [...entry.subarray(0, ENTRY_WORDS)]);
    else entries.push(...entry.subarray(0, ENTRY_WORDS));
  }

  take(bin: number): Uint32Array {
    const entries = this.#entries.get(bin);
    this.#entries.delete(bin);
    return entries === undefined ? NOTHING : Uint32Array.from(entries);
  }

  close(): void {
    this.#entries.clear();
  }
}
