import type { IngestPlace } from './evidence.js';

const CHUNK_BITS = 32_768;

/** Places in a topic, a bit each. */
export class PlaceSet {
  readonly #partitions = new Map<number, Map<number, Uint32Array>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add({ partition, offset }: IngestPlace): void {
    let chunks = this.#partitions.get(partition);
    if (chunks === undefined) {
      chunks = new Map<number, Uint32Array>();
      this.#partitions.set(partition, chunks);
    }
    const number = Math.floor(offset / CHUNK_BITS);
    let chunk = chunks.get(number);
    if (chunk === undefined) chunks.set(number, (chunk = new Uint32Array(CHUNK_BITS / 32)));
    const bit = offset % CHUNK_BITS;
    const word = bit >>> 5;
    const before = chunk[word] as number;
    const after = (before | (1 << (bit & 31))) >>> 0;
    if (after === before) return;
    chunk[word] = after;
    this.#size += 1;
  }

  /** Calls with every place; those of a partition one after the other. */
  each(visit: (partition: number, offset: number) => void): void {
    for (const [partition, chunks] of this.#partitions) {
      for (const [number, chunk] of chunks) {
        for (let bit = 0; bit < CHUNK_BITS; bit++) {
          const word = chunk[bit >>> 5] as number;
          if (word === 0) bit |= 31;
          else if (((word >>> (bit & 31)) & 1) === 1) visit(partition, number * CHUNK_BITS + bit);
        }
      }
    }
  }

  has(partition: number, offset: number): boolean {
    const chunk = this.#partitions.get(partition)?.get(Math.floor(offset / CHUNK_BITS));
    if (chunk === undefined) return false;
    const bit = offset % CHUNK_BITS;
    return (((chunk[bit >>> 5] as number) >>> (bit & 31)) & 1) === 1;
  }
}
