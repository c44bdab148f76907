/**
 * One pass over the bytes of a JSON object: where its members lie, which of them are known, the object's canonical form,
 * and the first fault that JSON.parse doesn't see (canonical-writer.ts).
 *
 * Owns two buffers as long as the longest source so far, used again for each: what a method returns is valid until the
 * next `scan`. Throws nothing.
 */
import { CanonicalWriter, type TextFault } from './canonical-writer.js';
import { CLOSE_BRACE, COMMA, copyBytes, OPEN_BRACE } from './json-text.js';

export interface ScanFault extends TextFault {
  /** The known member in whose value it is; null for an unknown one, and for the names of the object itself. */
  readonly member: string | null;
  /** The member that the object itself has twice, else null. */
  readonly repeated: string | null;
}

const ABSENT = -1;

export class ObjectScanner {
  /** Sorted by code point. A field is an index here and in the arrays below. */
  readonly #names: readonly string[];
  readonly #nameBytes: readonly Buffer[];
  readonly #leftOut: number;
  readonly #valueStart: Int32Array;
  readonly #valueEnd: Int32Array;
  /** Where the member lies in what the writer wrote: `"name":value`. */
  readonly #memberStart: Int32Array;
  readonly #memberEnd: Int32Array;
  #unknownNames: Set<string> | null = null;
  readonly #writer = new CanonicalWriter();

  /**
   * @param names the members that an object may have; any other is reported by `unknownName`.
   * @param leftOut the member that the canonical form leaves out.
   */
  constructor(names: readonly string[], leftOut: string | null = null) {
    this.#names = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    this.#nameBytes = this.#names.map((name) => Buffer.from(name));
    this.#leftOut = leftOut === null ? ABSENT : this.#names.indexOf(leftOut);
    this.#valueStart = new Int32Array(names.length);
    this.#valueEnd = new Int32Array(names.length);
    this.#memberStart = new Int32Array(names.length);
    this.#memberEnd = new Int32Array(names.length);
  }

  /**
   * @param source the UTF-8 bytes of an object, with or without white space round it, that JSON.parse accepts; with
   * anything else the outcome is undefined.
   * @returns the first fault, or null.
   */
  scan(source: Buffer): ScanFault | null {
    const writer = this.#writer;
    writer.begin(source);
    this.#unknownNames = null;
    this.#valueStart.fill(ABSENT);
    writer.at = source.indexOf(OPEN_BRACE) + 1;
    while (writer.next(CLOSE_BRACE)) {
      const nameAt = writer.at;
      const start = writer.length;
      if (!writer.string()) return this.#fault(ABSENT);
      const field = this.#knownField(start + 1, writer.length - 1);
      const repeated = field === ABSENT ? this.#addUnknown(start) : this.#repeated(field);
      if (repeated !== null) return { reason: 'duplicate_name', atByte: nameAt, member: null, repeated };
      writer.colon();
      const valueAt = writer.at;
      if (!writer.value(2)) return this.#fault(field);
      if (field === ABSENT) continue;
      this.#valueStart[field] = valueAt;
      this.#valueEnd[field] = writer.at;
      this.#memberStart[field] = start;
      this.#memberEnd[field] = writer.length;
    }
    return null;
  }

  fieldOf(name: string): number {
    return this.#names.indexOf(name);
  }

  has(field: number): boolean {
    return this.#valueStart[field] !== ABSENT;
  }

  /** Where the value of a field that is there begins in the source, in bytes. */
  startOf(field: number): number {
    return this.#valueStart[field] as number;
  }

  /** Where it ends, excluded. */
  endOf(field: number): number {
    return this.#valueEnd[field] as number;
  }

  /** The first member with an unknown name, or null. */
  get unknownName(): string | null {
    return this.#unknownNames?.values().next().value ?? null;
  }

  /** The canonical form of the known members but the one left out. A view: valid until the next `scan`. */
  canonical(): Buffer {
    const { text, scratch } = this.#writer;
    let length = 0;
    scratch[length++] = OPEN_BRACE;
    for (let field = 0; field < this.#valueStart.length; field++) {
      if (this.#valueStart[field] === ABSENT || field === this.#leftOut) continue;
      if (length > 1) scratch[length++] = COMMA;
      const start = this.#memberStart[field] as number;
      length = copyBytes(text, start, this.#memberEnd[field] as number, scratch, length);
    }
    scratch[length++] = CLOSE_BRACE;
    return scratch.subarray(0, length);
  }

  #knownField(start: number, end: number): number {
    const { text } = this.#writer;
    const length = end - start;
    for (let field = 0; field < this.#nameBytes.length; field++) {
      const name = this.#nameBytes[field] as Buffer;
      if (name.length !== length) continue;
      let same = 0;
      while (same < length && name[same] === text[start + same]) same++;
      if (same === length) return field;
    }
    return ABSENT;
  }

  #repeated(field: number): string | null {
    return this.has(field) ? (this.#names[field] as string) : null;
  }

  /** @returns the name if it was there already. */
  #addUnknown(start: number): string | null {
    const { text, length } = this.#writer;
    const name = JSON.parse(text.toString('utf8', start, length)) as string;
    const names = (this.#unknownNames ??= new Set());
    if (names.has(name)) return name;
    names.add(name);
    return null;
  }

  #fault(field: number): ScanFault | null {
    const { fault } = this.#writer;
    return fault && { reason: fault.reason, atByte: fault.atByte, member: this.#names[field] ?? null, repeated: null };
  }
}
