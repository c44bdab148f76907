/** Which worlds were reached, by 53-bit hash, and how: a table of numbers, since a Set of millions costs far more. */
export class Seen {
  #table = new Float64Array(1 << 16);
  #parents = new Int32Array(1 << 15);
  #choices = new Int16Array(1 << 15);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The number given to a world that is new, reached from `parent` by its `choice`-th move; null where it is known. */
  add(hash: number, parent: number, choice: number): number | null {
    if (!this.#insert(hash)) return null;
    const id = this.#size;
    if (id === this.#parents.length) this.#grow();
    this.#parents[id] = parent;
    this.#choices[id] = choice;
    this.#size += 1;
    return id;
  }

  /** The choices that lead to a world from the first one. */
  pathTo(id: number): number[] {
    const path: number[] = [];
    for (let at = id; at > 0; at = this.#parents[at] ?? 0) path.unshift(this.#choices[at] ?? 0);
    return path;
  }

  #insert(hash: number): boolean {
    const value = hash + 1; // 0 marks a free place
    const table = this.#table;
    let at = value % table.length;
    while (table[at] !== 0) {
      if (table[at] === value) return false;
      at = (at + 1) % table.length;
    }
    table[at] = value;
    return true;
  }

  #grow(): void {
    const { length } = this.#parents;
    this.#parents = grown(this.#parents, new Int32Array(length * 2));
    this.#choices = grown(this.#choices, new Int16Array(length * 2));
    const former = this.#table;
    this.#table = new Float64Array(former.length * 2);
    for (const value of former) if (value !== 0) this.#insert(value - 1);
  }
}

function grown<T extends Int32Array | Int16Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
