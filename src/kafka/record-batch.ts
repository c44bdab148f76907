/**
 * The record batch, version 2: the one format in which records lie in a log, travel in a fetch and in a produce.
 * Offsets of its fields; what follows the header is the records, compressed together or not.
 * https://kafka.apache.org/documentation/#recordbatch
 */
export const AT = {
  baseOffset: 0,
  length: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  count: 57,
  records: 61,
} as const;

/** What `length` does not count: the base offset and itself. */
export const LOG_OVERHEAD_BYTES = 12;
export const MAGIC = 2;
export const COMPRESSION_MASK = 0x07;
export const LOG_APPEND_TIME_FLAG = 0x08;
export const TRANSACTIONAL_FLAG = 0x10;
export const CONTROL_FLAG = 0x20;

/**
 * A signed 64-bit number, rounded above 2^53. For what a producer sets as it likes: a timestamp or a producer id that
 * nobody should have must not stop a partition.
 */
export function readInt64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4);
}

/** An offset: set by the broker, and exact. @throws MalformedBatchError beyond 2^53 − 1 */
export function readOffset(bytes: Buffer, at: number): number {
  const offset = readInt64(bytes, at);
  if (!Number.isSafeInteger(offset)) throw new MalformedBatchError(`offset ${offset} is beyond 2^53 − 1`);
  return offset;
}

/** The bytes are not what the format says. */
export class MalformedBatchError extends Error {
  override readonly name = 'MalformedBatchError';
}
