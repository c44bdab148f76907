/**
 * Reads all fields of a line in one pass, wherever they are mapped to. A string that holds JSON is entered as if it were
 * written out: `kcat -J` prints a record's value so, under `payload`.
 */
import { eachMember, stringIn } from './json-members.js';

interface Branch<Name> {
  readonly fields: Name[];
  readonly inside: Map<string, Branch<Name>>;
}

export class MappedFields<Name extends string> {
  readonly #names: readonly Name[];
  readonly #root: Branch<Name> = { fields: [], inside: new Map() };
  readonly #texts = {} as Record<Name, string | null>;

  /** @param map the path of each field: names, one inside the other; empty where it is not there. */
  constructor(map: Readonly<Record<Name, readonly string[]>>) {
    this.#names = Object.keys(map) as Name[];
    for (const name of this.#names) {
      let branch = this.#root;
      for (const step of map[name]) {
        let next = branch.inside.get(step);
        if (next === undefined) branch.inside.set(step, (next = { fields: [], inside: new Map() }));
        branch = next;
      }
      if (branch !== this.#root) branch.fields.push(name);
    }
  }

  /** The texts of the values as they are written, null where they are not there. Overwritten by the next call. */
  read(line: string): Readonly<Record<Name, string | null>> {
    for (const name of this.#names) this.#texts[name] = null;
    this.#enter(this.#root, line);
    return this.#texts;
  }

  #enter({ inside }: Branch<Name>, text: string): void {
    eachMember(text, (name, value) => {
      const branch = inside.get(name);
      if (branch === undefined) return;
      for (const field of branch.fields) this.#texts[field] = value;
      if (branch.inside.size > 0) this.#enter(branch, stringIn(value) ?? value);
    });
  }
}
