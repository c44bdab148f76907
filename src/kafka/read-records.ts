import type { KafkaRecord } from '../record.js';
import { AbortedFilter, type AbortedTransaction, type BatchOfProducer } from './aborted.js';
import { decompress, DecompressionError } from './codecs.js';
import { crc32c } from './crc32c.js';
import {
  AT,
  COMPRESSION_MASK,
  CONTROL_FLAG,
  LOG_APPEND_TIME_FLAG,
  LOG_OVERHEAD_BYTES,
  MAGIC,
  MalformedBatchError,
  readInt64,
  readOffset,
  TRANSACTIONAL_FLAG,
} from './record-batch.js';
import { RecordCursor } from './record-cursor.js';

/**
 * Reads what a fetch returned for one partition. It replaces kafkajs' own decoding, in which a batch of some 100,000
 * records overflows the stack, header names such as `constructor` become arrays of functions, aborted records leak,
 * and every record costs two BigInts: all of it in reach of any producer.
 */
export interface ReadLimits {
  /** A batch that would be larger after decompression is not decompressed. */
  readonly maxBatchBytes: number;
  readonly maxBatchRecords: number;
}

export interface FetchedSet {
  readonly topic: string;
  readonly partition: number;
  /** The offset that was asked for: records before it, in the middle of a batch, are left out. */
  readonly fromOffset: number;
  readonly bytes: Buffer;
  /** Empty when reading uncommitted. */
  readonly aborted: readonly AbortedTransaction[];
}

export interface RecordsRead {
  readonly records: KafkaRecord[];
  readonly undecodable: UndecodableBatch[];
  /** Bytes of the records handed out, after decompression. */
  readonly byteLength: number;
  /** The offset after the last batch that was there completely, markers included; `fromOffset` if none was. */
  readonly nextOffset: number;
}

/** A batch whose records cannot be had: damaged, in an unknown codec, or too large to decompress. */
export interface UndecodableBatch {
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly timestampMs: number;
  /** A sentence a person understands. */
  readonly reason: string;
  /** The whole batch as it lies in the log; a copy. */
  readonly bytes: Buffer;
}

/** A batch as one sees it from outside; for whoever must know of markers and producers. */
export interface BatchSeen extends BatchOfProducer {
  readonly firstOffset: number;
}

/** A batch arrived with a wrong checksum: damaged on its way or on the broker's disk. Reading again may help. */
export class ChecksumError extends Error {
  override readonly name = 'ChecksumError';
}

interface Batch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly baseTimestamp: number;
  readonly maxTimestamp: number;
  readonly producerId: number;
  readonly count: number;
  readonly attributes: number;
  /** The records as they lie there. */
  readonly body: Buffer;
}

/**
 * Key, value and header values are views into the response (or into the decompressed batch): whoever keeps a record
 * for long copies what it keeps. @throws ChecksumError, MalformedBatchError when the batch's frame itself is wrong
 *
 * @param seen gets every batch that was there completely, markers included.
 */
export async function readRecords(
  set: FetchedSet,
  limits: ReadLimits,
  seen: BatchSeen[] | null = null,
): Promise<RecordsRead> {
  const aborted = new AbortedFilter(set.aborted);
  const records: KafkaRecord[] = [];
  const undecodable: UndecodableBatch[] = [];
  let byteLength = 0;
  let nextOffset = set.fromOffset;
  let at = 0;
  while (at + AT.records <= set.bytes.length) {
    const end = at + LOG_OVERHEAD_BYTES + set.bytes.readInt32BE(at + AT.length);
    if (end > set.bytes.length) break; // the broker cuts the last batch where the limit falls
    const batch = readBatch(set.bytes, at, end);
    const wanted = batch.lastOffset >= set.fromOffset;
    if (wanted && !aborted.isAborted(aspectOf(batch)) && (batch.attributes & CONTROL_FLAG) === 0) {
      try {
        const codec = batch.attributes & COMPRESSION_MASK;
        const body = codec === 0 ? batch.body : await decompress(codec, batch.body, limits.maxBatchBytes);
        byteLength += appendRecords(records, batch, body, set, limits);
      } catch (error) {
        undecodable.push(undecodableBatch(batch, set.bytes.subarray(at, end), error));
      }
    }
    if (wanted) {
      nextOffset = batch.lastOffset + 1;
      seen?.push({ ...aspectOf(batch), firstOffset: batch.baseOffset });
    }
    at = end;
  }
  return { records, undecodable, byteLength, nextOffset };
}

function readBatch(bytes: Buffer, at: number, end: number): Batch {
  const magic = bytes.readInt8(at + AT.magic);
  if (magic !== MAGIC) throw new MalformedBatchError(`message format ${magic}: only format 2 (Kafka 0.11) can be read`);
  if (end < at + AT.records) throw new MalformedBatchError(`a batch of ${end - at} bytes`);
  if (crc32c(bytes.subarray(at + AT.attributes, end)) !== bytes.readUInt32BE(at + AT.crc)) {
    throw new ChecksumError(`wrong checksum in the batch at offset ${readOffset(bytes, at)}`);
  }
  const baseOffset = readOffset(bytes, at + AT.baseOffset);
  return {
    baseOffset,
    lastOffset: baseOffset + bytes.readInt32BE(at + AT.lastOffsetDelta),
    baseTimestamp: readInt64(bytes, at + AT.baseTimestamp),
    maxTimestamp: readInt64(bytes, at + AT.maxTimestamp),
    producerId: readInt64(bytes, at + AT.producerId),
    count: bytes.readInt32BE(at + AT.count),
    attributes: bytes.readInt16BE(at + AT.attributes),
    body: bytes.subarray(at + AT.records, end),
  };
}

function aspectOf(batch: Batch): BatchOfProducer {
  const control = (batch.attributes & CONTROL_FLAG) !== 0;
  return {
    producerId: batch.producerId,
    lastOffset: batch.lastOffset,
    transactional: (batch.attributes & TRANSACTIONAL_FLAG) !== 0,
    marker: control ? markerOf(batch.body) : null,
  };
}

/** A control batch holds one record, whose key is two 16-bit numbers: version, and type (0 abort, 1 commit). */
function markerOf(body: Buffer): 'abort' | 'commit' | 'other' {
  const cursor = new RecordCursor(body);
  cursor.beginRecord();
  const key = cursor.readBytes();
  if (key === null || key.length < 4) return 'other';
  const type = key.readInt16BE(2);
  return type === 0 ? 'abort' : type === 1 ? 'commit' : 'other';
}

/** Appends the batch's records all together or, when one of them is damaged, not at all; returns their bytes. */
function appendRecords(
  records: KafkaRecord[],
  batch: Batch,
  body: Buffer,
  { topic, partition, fromOffset }: FetchedSet,
  limits: ReadLimits,
): number {
  if (batch.count > limits.maxBatchRecords) {
    throw new MalformedBatchError(`${batch.count} records in one batch, more than ${limits.maxBatchRecords}`);
  }
  const before = records.length;
  const appended = (batch.attributes & LOG_APPEND_TIME_FLAG) !== 0;
  const cursor = new RecordCursor(body);
  let skippedBytes = 0;
  let lastDelta = -1;
  try {
    for (let index = 0; index < batch.count; index += 1) {
      cursor.beginRecord();
      const offset = batch.baseOffset + cursor.offsetDelta;
      if (cursor.offsetDelta <= lastDelta || offset > batch.lastOffset) {
        throw new MalformedBatchError('offsets within the batch do not increase');
      }
      lastDelta = cursor.offsetDelta;
      const timestampMs = appended ? batch.maxTimestamp : batch.baseTimestamp + cursor.timestampDelta;
      const key = cursor.readBytes();
      const value = cursor.readBytes();
      const headers = cursor.readHeaders();
      cursor.endRecord();
      if (offset >= fromOffset) records.push({ topic, partition, offset, timestampMs, key, value, headers });
      else skippedBytes = cursor.at;
    }
    if (cursor.at !== body.length)
      throw new MalformedBatchError(`${body.length - cursor.at} bytes after the last record`);
  } catch (error) {
    records.length = before;
    throw error;
  }
  return body.length - skippedBytes;
}

function undecodableBatch(batch: Batch, bytes: Buffer, error: unknown): UndecodableBatch {
  if (!(error instanceof DecompressionError) && !(error instanceof MalformedBatchError)) throw error;
  return {
    firstOffset: batch.baseOffset,
    lastOffset: batch.lastOffset,
    timestampMs: batch.maxTimestamp,
    reason: `the record batch at offsets ${batch.baseOffset}–${batch.lastOffset} cannot be read: ${error.message}`,
    bytes: Buffer.from(bytes),
  };
}
