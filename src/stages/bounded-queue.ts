export interface QueueLimits {
  readonly maxRecords: number;
  readonly maxBytes: number;
}

/** What waits, in order, counted in records and bytes. Bounded by who fills it: it only says when it's full. */
export class BoundedQueue<T> {
  readonly #limits: QueueLimits;
  readonly #sizeOf: (item: T) => number;
  #items: T[] = [];
  #taken = 0;
  #bytes = 0;

  constructor(limits: QueueLimits, sizeOf: (item: T) => number) {
    this.#limits = limits;
    this.#sizeOf = sizeOf;
  }

  get length(): number {
    return this.#items.length - this.#taken;
  }

  get isFull(): boolean {
    return this.length >= this.#limits.maxRecords || this.#bytes >= this.#limits.maxBytes;
  }

  /** Half of the limits, so that the source isn't paused and resumed with everything that is taken. */
  get isLow(): boolean {
    return this.length <= this.#limits.maxRecords / 2 && this.#bytes <= this.#limits.maxBytes / 2;
  }

  push(item: T): void {
    this.#items.push(item);
    this.#bytes += this.#sizeOf(item);
  }

  /** The next item if it is no larger than `maxBytes`. */
  take(maxBytes: number): T | undefined {
    const item = this.#items[this.#taken];
    if (item === undefined) return undefined;
    const size = this.#sizeOf(item);
    if (size > maxBytes) return undefined;
    this.#taken += 1;
    this.#bytes -= size;
    if (this.#taken * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#taken);
      this.#taken = 0;
    }
    return item;
  }

  clear(): void {
    this.#items = [];
    this.#taken = 0;
    this.#bytes = 0;
  }
}
