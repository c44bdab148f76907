import type { RecordHeaders } from '../record.js';
import { MalformedBatchError } from './record-batch.js';

const NO_HEADERS: RecordHeaders = Object.freeze({});
const NO_BYTES = Buffer.alloc(0);

/**
 * Walks the records of a batch. Each read stays inside the record that `beginRecord` opened, whatever the bytes say.
 * @throws MalformedBatchError from every method
 */
export class RecordCursor {
  at = 0;
  offsetDelta = 0;
  timestampDelta = 0;
  readonly #bytes: Buffer;
  #end = 0;
  #lastName = '';
  #lastNameAt = 0;
  #lastNameLength = -1;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  beginRecord(): void {
    this.#end = this.#bytes.length;
    const length = this.#varint();
    if (length < 0 || this.at + length > this.#bytes.length) throw new MalformedBatchError('a record is cut off');
    this.#end = this.at + length;
    this.at += 1; // attributes, unused
    this.timestampDelta = this.#varlong();
    this.offsetDelta = this.#varint();
  }

  endRecord(): void {
    if (this.at !== this.#end) throw new MalformedBatchError('a record does not have the length it declares');
  }

  /** Key, value or header value; null where the record says null. */
  readBytes(): Buffer | null {
    const length = this.#varint();
    if (length < 0) return null;
    const from = this.at;
    const to = from + length;
    if (to > this.#end) throw new MalformedBatchError('a field is longer than its record');
    this.at = to;
    return length === 0 ? NO_BYTES : this.#bytes.subarray(from, to);
  }

  /**
   * Own properties only, whatever the names (`__proto__`, `constructor`). A name that occurs again has an array of
   * values. A null value becomes an empty one: our records, like kafkajs, cannot carry the difference.
   */
  readHeaders(): RecordHeaders {
    const count = this.#varint();
    if (count <= 0) return NO_HEADERS;
    const headers: Record<string, Buffer | Buffer[]> = {};
    for (let index = 0; index < count; index += 1) {
      const name = this.#readName();
      const value = this.readBytes() ?? NO_BYTES;
      const before = Object.hasOwn(headers, name) ? headers[name] : undefined;
      if (before === undefined) setOwn(headers, name, value);
      else if (Array.isArray(before)) before.push(value);
      else setOwn(headers, name, [before, value]);
    }
    return headers;
  }

  /** Names repeat from record to record, so the last one is compared before a string is made. */
  #readName(): string {
    const length = this.#varint();
    const from = this.at;
    if (length < 0 || from + length > this.#end)
      throw new MalformedBatchError('a header name is longer than its record');
    this.at = from + length;
    if (length === this.#lastNameLength && this.#sameBytes(this.#lastNameAt, from, length)) return this.#lastName;
    this.#lastName = this.#bytes.toString('utf8', from, from + length);
    this.#lastNameAt = from;
    this.#lastNameLength = length;
    return this.#lastName;
  }

  #sameBytes(a: number, b: number, length: number): boolean {
    const bytes = this.#bytes;
    for (let index = 0; index < length; index += 1) if (bytes[a + index] !== bytes[b + index]) return false;
    return true;
  }

  #varint(): number {
    const bytes = this.#bytes;
    let byte = bytes[this.at++] as number;
    let value = byte & 0x7f;
    for (let shift = 7; byte >= 0x80; shift += 7) {
      if (shift > 28) throw new MalformedBatchError('a number is longer than five bytes');
      byte = bytes[this.at++] as number;
      value |= (byte & 0x7f) << shift;
    }
    if (this.at > this.#end) throw new MalformedBatchError('a record ends in the middle of a number');
    return (value >>> 1) ^ -(value & 1);
  }

  /** Exact to 2^53, which timestamps stay below. */
  #varlong(): number {
    const bytes = this.#bytes;
    let byte = bytes[this.at++] as number;
    let value = byte & 0x7f;
    for (let place = 7; byte >= 0x80; place += 7) {
      if (place > 63) throw new MalformedBatchError('a number is longer than ten bytes');
      byte = bytes[this.at++] as number;
      value += (byte & 0x7f) * 2 ** place;
    }
    if (this.at > this.#end) throw new MalformedBatchError('a record ends in the middle of a number');
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}

function setOwn(headers: Record<string, Buffer | Buffer[]>, name: string, value: Buffer | Buffer[]): void {
  if (name === '__proto__') {
    Object.defineProperty(headers, name, { value, enumerable: true, writable: true, configurable: true });
  } else {
    headers[name] = value;
  }
}
