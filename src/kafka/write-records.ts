import type { RawRecord, RecordHeaders } from '../record.js';
import { invariant } from '../invariant.js';
import { crc32c } from './crc32c.js';
import { AT, LOG_OVERHEAD_BYTES, MAGIC, TRANSACTIONAL_FLAG } from './record-batch.js';

/**
 * Writes record batches: about a fifth of the CPU of kafkajs' encoder, which makes several objects and copies for each
 * record and hashes in JavaScript. Uncompressed; timestamps are the batch's (our topics use LogAppendTime).
 */
export interface BatchHead {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  /** Sequence number of the first record, which makes a repeated send recognisable. */
  readonly baseSequence: number;
  readonly transactional: boolean;
  readonly timestampMs: number;
}

/** Header of a batch without records, bytes. */
export const BATCH_HEADER_BYTES = AT.records;

/** Bytes that a record takes in a batch, at most; exact but for the place in the batch (up to 2 bytes). */
export function recordBytes(record: RawRecord): number {
  const body = 2 + OFFSET_DELTA_BYTES + bodyBytes(record);
  return varintBytes(body) + body;
}

/** A delta below 2^20 takes three bytes; more records than that do not go into one batch. */
const OFFSET_DELTA_BYTES = 3;
export const MAX_RECORDS_PER_BATCH = 2 ** 20;

/** Key, value and headers with their lengths. */
function bodyBytes(record: RawRecord): number {
  return fieldBytes(record.key) + fieldBytes(record.value) + headersBytes(record.headers);
}

function fieldBytes(value: Buffer | null): number {
  return value === null ? 1 : varintBytes(value.length) + value.length;
}

function headersBytes(headers: RecordHeaders): number {
  let total = 0;
  let count = 0;
  for (const name of Object.keys(headers)) {
    const value = headers[name] as Buffer | readonly Buffer[];
    const nameLength = Buffer.byteLength(name);
    const nameBytes = varintBytes(nameLength) + nameLength;
    if (Buffer.isBuffer(value)) {
      total += nameBytes + fieldBytes(value);
      count += 1;
    } else {
      const values = value;
      for (const one of values) total += nameBytes + fieldBytes(one);
      count += values.length;
    }
  }
  return total + varintBytes(count);
}

/** Bytes of a zigzag varint of a number ≥ 0 and below 2^31. */
function varintBytes(value: number): number {
  const zigzag = value * 2;
  return zigzag < 0x80 ? 1 : zigzag < 0x4000 ? 2 : zigzag < 0x20_0000 ? 3 : zigzag < 0x1000_0000 ? 4 : 5;
}

/** A batch ready to be written: its size is known before the buffer is. */
export class PreparedBatch {
  /** Size of the whole batch, header included. */
  readonly byteLength: number;
  readonly #records: readonly RawRecord[];
  readonly #lengths: number[] = [];

  constructor(records: readonly RawRecord[]) {
    invariant(records.length > 0 && records.length <= MAX_RECORDS_PER_BATCH, 'a batch has 1 to 2^20 records');
    this.#records = records;
    let total = BATCH_HEADER_BYTES;
    for (let index = 0; index < records.length; index += 1) {
      const length = 2 + varintBytes(index) + bodyBytes(records[index] as RawRecord);
      this.#lengths.push(length);
      total += varintBytes(length) + length;
    }
    this.byteLength = total;
  }

  /** Writes the batch at `at` and returns where it ends. */
  writeTo(target: Buffer, at: number, head: BatchHead): number {
    const writer = new RecordWriter(target, at + AT.records);
    for (let index = 0; index < this.#records.length; index += 1) {
      writer.record(this.#records[index] as RawRecord, index, this.#lengths[index] as number);
    }
    const end = writer.at;
    invariant(end === at + this.byteLength, 'a batch has the size that was computed for it');
    const count = this.#records.length;
    const timestamp = BigInt(head.timestampMs);
    target.writeBigInt64BE(0n, at + AT.baseOffset); // the broker sets it
    target.writeInt32BE(end - at - LOG_OVERHEAD_BYTES, at + AT.length);
    target.writeInt32BE(-1, at + AT.leaderEpoch);
    target.writeInt8(MAGIC, at + AT.magic);
    target.writeInt16BE(head.transactional ? TRANSACTIONAL_FLAG : 0, at + AT.attributes);
    target.writeInt32BE(count - 1, at + AT.lastOffsetDelta);
    target.writeBigInt64BE(timestamp, at + AT.baseTimestamp);
    target.writeBigInt64BE(timestamp, at + AT.maxTimestamp);
    target.writeBigInt64BE(head.producerId, at + AT.producerId);
    target.writeInt16BE(head.producerEpoch, at + AT.producerEpoch);
    target.writeInt32BE(head.baseSequence, at + AT.baseSequence);
    target.writeInt32BE(count, at + AT.count);
    target.writeUInt32BE(crc32c(target.subarray(at + AT.attributes, end)), at + AT.crc);
    return end;
  }
}

class RecordWriter {
  at: number;
  readonly #target: Buffer;

  constructor(target: Buffer, at: number) {
    this.#target = target;
    this.at = at;
  }

  record(record: RawRecord, offsetDelta: number, length: number): void {
    this.#varint(length);
    this.#target[this.at++] = 0; // attributes, unused
    this.#target[this.at++] = 0; // timestamp delta
    this.#varint(offsetDelta);
    this.#field(record.key);
    this.#field(record.value);
    this.#headers(record.headers);
  }

  #headers(headers: RecordHeaders): void {
    const names = Object.keys(headers);
    let count = 0;
    for (const name of names) count += Buffer.isBuffer(headers[name]) ? 1 : (headers[name] as readonly Buffer[]).length;
    this.#varint(count);
    for (const name of names) {
      const value = headers[name] as Buffer | readonly Buffer[];
      if (Buffer.isBuffer(value)) this.#header(name, value);
      else for (const one of value) this.#header(name, one);
    }
  }

  #header(name: string, value: Buffer): void {
    this.#varint(Buffer.byteLength(name));
    this.at += this.#target.write(name, this.at, 'utf8');
    this.#field(value);
  }

  #field(value: Buffer | null): void {
    if (value === null) {
      this.#target[this.at++] = 1; // zigzag of −1
      return;
    }
    this.#varint(value.length);
    value.copy(this.#target, this.at);
    this.at += value.length;
  }

  /** Zigzag varint of a number ≥ 0 and below 2^31. */
  #varint(value: number): void {
    let zigzag = value * 2;
    while (zigzag >= 0x80) {
      this.#target[this.at++] = (zigzag & 0x7f) | 0x80;
      zigzag >>>= 7;
    }
    this.#target[this.at++] = zigzag;
  }
}
