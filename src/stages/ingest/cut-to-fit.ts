import type { RawRecord } from '../../record.js';
import { sizeOf } from './record-size.js';

/** Room for the headers that a dead letter gains. */
const OWN_HEADERS_BYTES = 8_192;
/** On a dead letter that was cut: what the lengths in bytes were. */
const CUT_HEADER = 'cut-from-bytes';
/** What is left of a key or a value that is cut: enough to see what it was. */
const KEPT_BYTES = 1_024;

/**
 * A record as it can be dead-lettered: itself wherever `im.dlq` takes it. A topic's limit counts compressed bytes, so
 * a few kilobytes that unpack to more than any topic takes can get in; they must not stop the partition on their way
 * out. Of such a record the beginnings of key and value are kept, and a header tells how long they were; the whole
 * record stays at its place in `im.ingest`.
 */
export function cutToFit(record: RawRecord, maxBytes: number): RawRecord {
  const { key, value, headers } = record;
  const byteLength = sizeOf(key, value, headers);
  if (byteLength + OWN_HEADERS_BYTES <= maxBytes) return record;
  const was = `key ${lengthOf(key)}, value ${lengthOf(value)}, with headers ${byteLength}`;
  return { key: beginningOf(key), value: beginningOf(value), headers: { [CUT_HEADER]: Buffer.from(was) } };
}

function lengthOf(bytes: Buffer | null): string {
  return bytes === null ? 'null' : String(bytes.length);
}

function beginningOf(bytes: Buffer | null): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes.subarray(0, KEPT_BYTES)); // a copy: the rest must not stay in memory
}
