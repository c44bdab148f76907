/**
 * A map of at most `maxSize` entries that drops the entries written longest ago. Reading refreshes nothing. Where more
 * are needed at once, it holds those (`makeRoomFor`).
 */
export class BoundedMap<K, V> {
  readonly #entries = new Map<K, V>();
  readonly #maxSize: number;
  #room: number;

  constructor(maxSize: number) {
    this.#maxSize = maxSize;
    this.#room = maxSize;
  }

  /** Until it is said again: so many entries are needed at once, even if they are more than `maxSize`. */
  makeRoomFor(count: number): void {
    this.#room = Math.max(this.#maxSize, count);
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: K): V | undefined {
    return this.#entries.get(key);
  }

  has(key: K): boolean {
    return this.#entries.has(key);
  }

  set(key: K, value: V): void {
    this.#entries.delete(key); // so that the newest write is the last in insertion order
    this.#entries.set(key, value);
    if (this.#entries.size <= this.#room) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      if (this.#entries.size <= this.#room) return;
    }
  }

  /** Counts an entry as written just now, where there is one: the last to be dropped. */
  keep(key: K): void {
    const value = this.#entries.get(key);
    if (value === undefined) return;
    this.#entries.delete(key);
    this.#entries.set(key, value);
  }

  delete(key: K): void {
    this.#entries.delete(key);
  }
}
