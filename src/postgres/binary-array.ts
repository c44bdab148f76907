/**
 * PostgreSQL's binary format of a one-dimensional array, written by hand: node-postgres prints arrays as text, which
 * the server must parse and JavaScript must escape; a Buffer it sends as it is, in binary format. UTF-8 bytes (a
 * message's body) go in as they are, never decoded.
 *
 *   int32 dimensions (1) | int32 has nulls | int32 type of the elements | int32 length | int32 first index (1)
 *   then each element: int32 byte length, or -1 for null | the bytes
 */
import { invariant } from '../invariant.js';

/** Types of elements; these numbers are PostgreSQL's, the same in every server. */
export const ELEMENT = { bool: 16, bytea: 17, int8: 20, int4: 23, text: 25 } as const;
export type ElementType = keyof typeof ELEMENT;

const HEADER_BYTES = 20;
const NULL_LENGTH = -1;
const FIRST_CAPACITY = 1024;
/** What an array may keep between uses; one batch of huge messages must not stay in memory for ever. */
const KEPT_CAPACITY = 1 << 20;
/** Short ids are copied by a loop: a call into Buffer costs more than 64 characters do. */
const LOOP_MAX_CHARS = 64;
const TWO_32 = 2 ** 32;

/** An array being written, element by element; used again after `clear`. */
export class BinaryArray {
  readonly #type: ElementType;
  #bytes = Buffer.allocUnsafeSlow(FIRST_CAPACITY);
  #view = viewOf(this.#bytes);
  #end = HEADER_BYTES;
  #length = 0;
  #nulls = 0;

  constructor(type: ElementType) {
    this.#type = type;
  }

  /** Forgets the elements. What `finish` gave out is overwritten from now on. */
  clear(): void {
    if (this.#bytes.length > KEPT_CAPACITY) this.#move(FIRST_CAPACITY, 0);
    this.#end = HEADER_BYTES;
    this.#length = 0;
    this.#nulls = 0;
  }

  /** A view of the array's bytes, valid until `clear`. */
  finish(): Buffer {
    const view = this.#view;
    view.setInt32(0, 1);
    view.setInt32(4, this.#nulls > 0 ? 1 : 0);
    view.setInt32(8, ELEMENT[this.#type]);
    view.setInt32(12, this.#length);
    view.setInt32(16, 1);
    return this.#bytes.subarray(0, this.#end);
  }

  /** As `finish`, but null where every element is null: `unnest` fills a missing column with nulls. */
  finishSparse(): Buffer | null {
    return this.#nulls === this.#length ? null : this.finish();
  }

  null(): void {
    const at = this.#reserve(4);
    this.#view.setInt32(at, NULL_LENGTH);
    this.#end = at + 4;
    this.#nulls += 1;
  }

  bool(value: boolean): void {
    const at = this.#reserve(5);
    this.#view.setInt32(at, 1);
    this.#view.setUint8(at + 4, value ? 1 : 0);
    this.#end = at + 5;
  }

  int4(value: number): void {
    invariant((value | 0) === value, `${value} is no int4`);
    const at = this.#reserve(8);
    this.#view.setInt32(at, 4);
    this.#view.setInt32(at + 4, value);
    this.#end = at + 8;
  }

  /** Written as two halves: a BigInt for each would be garbage. */
  int8(value: number | null): void {
    if (value === null) {
      this.null();
      return;
    }
    invariant(Number.isSafeInteger(value), `${value} is no safe integer`);
    const at = this.#reserve(12);
    this.#view.setInt32(at, 8);
    this.#view.setInt32(at + 4, Math.floor(value / TWO_32));
    this.#view.setInt32(at + 8, value | 0);
    this.#end = at + 12;
  }

  bigInt8(value: bigint): void {
    const at = this.#reserve(12);
    this.#view.setInt32(at, 8);
    this.#view.setBigInt64(at + 4, value);
    this.#end = at + 12;
  }

  /** Bytes of a bytea, or of a text in well-formed UTF-8 without U+0000. */
  bytes(value: Buffer | null): void {
    if (value === null) {
      this.null();
      return;
    }
    const at = this.#reserve(4 + value.length);
    this.#view.setInt32(at, value.length);
    value.copy(this.#bytes, at + 4);
    this.#end = at + 4 + value.length;
  }

  /** Without U+0000, which PostgreSQL refuses in a text. */
  text(value: string | null): void {
    if (value === null) {
      this.null();
      return;
    }
    const at = this.#reserve(4 + 3 * value.length); // a UTF-16 unit takes three bytes at most
    const start = at + 4;
    const written = this.#writeAscii(value, start) ?? this.#bytes.write(value, start, 'utf8');
    this.#view.setInt32(at, written);
    this.#end = start + written;
  }

  /** How many bytes it wrote; undefined where the text is long or not ASCII. */
  #writeAscii(value: string, start: number): number | undefined {
    const length = value.length;
    if (length > LOOP_MAX_CHARS) return undefined;
    const bytes = this.#bytes;
    for (let i = 0; i < length; i++) {
      const unit = value.charCodeAt(i);
      if (unit > 0x7f) return undefined;
      bytes[start + i] = unit;
    }
    return length;
  }

  /** Room for one more element of at most `size` bytes; returns where it begins. */
  #reserve(size: number): number {
    const needed = this.#end + size;
    if (needed > this.#bytes.length) this.#move(Math.max(needed, 2 * this.#bytes.length), this.#end);
    this.#length += 1;
    return this.#end;
  }

  #move(capacity: number, kept: number): void {
    const moved = Buffer.allocUnsafeSlow(capacity);
    this.#bytes.copy(moved, 0, 0, kept);
    this.#bytes = moved;
    this.#view = viewOf(moved);
  }
}

/** For look-ups. @returns a parameter for `$n::text[]`. */
export function textArray(values: Iterable<string>): Buffer {
  const array = new BinaryArray('text');
  for (const value of values) array.text(value);
  return array.finish();
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
