import type { RawRecord } from '../record.js';
import type { AbortedTransaction } from './aborted.js';
import { MalformedBatchError, readInt64, readOffset } from './record-batch.js';
import { type BatchHead, PreparedBatch } from './write-records.js';

/** The two messages of the Kafka protocol that carry records: Fetch responses (versions 4–11) are read here, Produce
 *  requests (3–8) written. Everything else stays with kafkajs. */

/** One partition of a Fetch response. */
export interface FetchedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  readonly highWatermark: number;
  /** Where the oldest open transaction begins; equals `highWatermark` if there is none. */
  readonly lastStableOffset: number;
  readonly aborted: readonly AbortedTransaction[];
  /** Record batches, the last one possibly cut off. */
  readonly bytes: Buffer;
}

export interface FetchResponse {
  readonly errorCode: number;
  /** How long the broker asks us to wait, ms. */
  readonly throttleMs: number;
  readonly partitions: readonly FetchedPartition[];
}

const NO_BYTES = Buffer.alloc(0);

/** @throws MalformedBatchError when the bytes are not a response of that version */
export function readFetchResponse(payload: Buffer, version: number): FetchResponse {
  const wire = new WireReader(payload);
  const throttleMs = wire.int32();
  const errorCode = version >= 7 ? wire.int16() : 0;
  if (version >= 7) wire.int32(); // session id: we keep no fetch session
  const partitions: FetchedPartition[] = [];
  for (let topics = wire.int32(); topics > 0; topics -= 1) {
    const topic = wire.string();
    for (let count = wire.int32(); count > 0; count -= 1) partitions.push(readPartition(wire, topic, version));
  }
  return { errorCode, throttleMs, partitions };
}

function readPartition(wire: WireReader, topic: string, version: number): FetchedPartition {
  const partition = wire.int32();
  const errorCode = wire.int16();
  const highWatermark = wire.offset();
  const lastStableOffset = wire.offset();
  if (version >= 5) wire.offset(); // log start offset
  const aborted: AbortedTransaction[] = [];
  for (let count = wire.int32(); count > 0; count -= 1) {
    aborted.push({ producerId: wire.int64(), firstOffset: wire.offset() });
  }
  if (version >= 11) wire.int32(); // preferred read replica: we name no rack, so there is none
  return { topic, partition, errorCode, highWatermark, lastStableOffset, aborted, bytes: wire.bytes() };
}

class WireReader {
  #at = 0;
  readonly #payload: Buffer;

  constructor(payload: Buffer) {
    this.#payload = payload;
  }

  int16(): number {
    return this.#payload.readInt16BE(this.#forward(2));
  }

  int32(): number {
    return this.#payload.readInt32BE(this.#forward(4));
  }

  int64(): number {
    return readInt64(this.#payload, this.#forward(8));
  }

  offset(): number {
    return readOffset(this.#payload, this.#forward(8));
  }

  string(): string {
    const length = this.int16();
    const from = this.#forward(length);
    return this.#payload.toString('utf8', from, from + length);
  }

  bytes(): Buffer {
    const length = this.int32();
    if (length <= 0) return NO_BYTES;
    const from = this.#forward(length);
    return this.#payload.subarray(from, from + length);
  }

  #forward(length: number): number {
    const from = this.#at;
    this.#at += length;
    if (this.#at > this.#payload.length) throw new MalformedBatchError('a fetch response is cut off');
    return from;
  }
}

/** What kafkajs hands to a Produce request, as far as it is written. */
export interface ProduceRequest {
  readonly transactionalId: string | null;
  readonly acks: number;
  readonly timeoutMs: number;
  readonly topics: readonly ProduceTopic[];
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly timestampMs: number;
}

export interface ProduceTopic {
  readonly topic: string;
  readonly partitions: readonly ProducePartition[];
}

export interface ProducePartition {
  readonly partition: number;
  readonly firstSequence: number;
  readonly records: readonly RawRecord[];
}

/** The request's body, in one buffer of exactly its size. */
export function writeProduceRequest(request: ProduceRequest): Buffer {
  const topics = request.topics.map(({ topic, partitions }) => ({
    topic,
    batches: partitions.map((one) => ({ ...one, batch: new PreparedBatch(one.records) })),
  }));
  let byteLength = stringBytes(request.transactionalId) + 2 + 4 + 4;
  for (const { topic, batches } of topics) {
    byteLength += stringBytes(topic) + 4;
    for (const { batch } of batches) byteLength += 4 + 4 + batch.byteLength;
  }
  const target = Buffer.allocUnsafe(byteLength);
  let at = writeString(target, 0, request.transactionalId);
  at = target.writeInt16BE(request.acks, at);
  at = target.writeInt32BE(request.timeoutMs, at);
  at = target.writeInt32BE(topics.length, at);
  for (const { topic, batches } of topics) {
    at = writeString(target, at, topic);
    at = target.writeInt32BE(batches.length, at);
    for (const { partition, firstSequence, batch } of batches) {
      at = target.writeInt32BE(partition, at);
      at = target.writeInt32BE(batch.byteLength, at);
      at = batch.writeTo(target, at, headOf(request, firstSequence));
    }
  }
  return target;
}

function headOf(request: ProduceRequest, baseSequence: number): BatchHead {
  return {
    producerId: request.producerId,
    producerEpoch: request.producerEpoch,
    baseSequence,
    transactional: request.transactionalId !== null,
    timestampMs: request.timestampMs,
  };
}

function stringBytes(value: string | null): number {
  return 2 + (value === null ? 0 : Buffer.byteLength(value));
}

function writeString(target: Buffer, at: number, value: string | null): number {
  if (value === null) return target.writeInt16BE(-1, at);
  const from = target.writeInt16BE(Buffer.byteLength(value), at);
  return from + target.write(value, from, 'utf8');
}
