import type { RecordHeaders } from '../../record.js';

/** What Kafka's format adds to a record that is a batch of its own, and to a header: frame, lengths, deltas. */
const OVERHEAD_BYTES = 128;
const HEADER_OVERHEAD_BYTES = 10;

/** The bytes of a batch of this one record, uncompressed, rounded up: a character of a header's name counts as three. */
export function sizeOf(key: Buffer | null, value: Buffer | null, headers: RecordHeaders): number {
  let bytes = OVERHEAD_BYTES + (key?.length ?? 0) + (value?.length ?? 0);
  for (const name in headers) {
    const values = headers[name];
    if (values === undefined) continue;
    if (Buffer.isBuffer(values)) {
      bytes += headerSize(name, values);
    } else {
      for (const each of values) bytes += headerSize(name, each);
    }
  }
  return bytes;
}

function headerSize(name: string, value: Buffer): number {
  return HEADER_OVERHEAD_BYTES + name.length * 3 + value.length;
}
