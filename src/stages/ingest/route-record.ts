/**
 * Where a record of `im.ingest` goes: to its conversation's partition of `im.logic`, or to `im.dlq` with the reason.
 * Every record goes to exactly one of the two, whatever its bytes: nothing here throws because of what a producer sent.
 */
import type { Clock } from '../../clock/clock.js';
import { messageOf } from '../../errors.js';
import { invariant } from '../../invariant.js';
import { partitionOf } from '../../kafka/partitioner.js';
import type { UndecodableBatch } from '../../kafka/read-records.js';
import type { Log } from '../../observe/log.js';
import { encodeLogicRecord } from '../../protocol/logic-record.js';
import { deadLetterRecord } from '../../protocol/dead-letter.js';
import { parseEnvelope } from '../../protocol/parse-envelope.js';
import type { DeadLetterReason } from '../../protocol/reasons.js';
import type { KafkaRecord } from '../../record.js';
import { cutToFit } from './cut-to-fit.js';
import type { RoutedRecord } from './partition-queue.js';
import { sizeOf } from './record-size.js';

export interface RouterOptions {
  readonly logicTopic: string;
  readonly logicPartitions: number;
  readonly dlqTopic: string;
  readonly dlqPartitions: number;
  /** The largest value of an envelope; larger ones are dead-lettered. */
  readonly maxValueBytes: number;
  /** The largest record (key, value and headers) that `im.logic` is set up to take. */
  readonly maxLogicRecordBytes: number;
  /** The same for `im.dlq`. */
  readonly maxDeadLetterBytes: number;
  readonly clock: Clock;
  readonly log: Log;
}

export class RecordRouter {
  readonly #options: RouterOptions;
  readonly #limits: { readonly maxValueBytes: number };

  constructor(options: RouterOptions) {
    this.#options = options;
    this.#limits = { maxValueBytes: options.maxValueBytes };
  }

  route(record: KafkaRecord): RoutedRecord {
    try {
      return this.#route(record);
    } catch (error) {
      // A bug of ours. Stopping here would stop the partition for ever: the next process would meet the same record.
      const { partition, offset } = record;
      const detail = `ingest failed on this record: ${messageOf(error)}`;
      this.#options.log.error('a record could not be judged, it is dead-lettered', { partition, offset, error });
      return this.#refuse(record, 'internal_error', detail);
    }
  }

  /** A record batch that can't be unpacked is one dead letter: its bytes as they lie in the log, at its first offset. */
  routeUndecodable(from: { topic: string; partition: number }, batch: UndecodableBatch): RoutedRecord {
    const { firstOffset: offset, lastOffset, timestampMs, bytes: value, reason: detail } = batch;
    const { topic, partition } = from;
    const record: KafkaRecord = { topic, partition, offset, timestampMs, key: null, value, headers: {} };
    return this.#refuse(record, 'undecodable_batch', detail, lastOffset + 1);
  }

  #route(record: KafkaRecord): RoutedRecord {
    const { logicTopic, logicPartitions, maxLogicRecordBytes } = this.#options;
    const parsed = parseEnvelope(record.value, this.#limits);
    if (!parsed.ok) return this.#refuse(record, parsed.reason, parsed.detail);
    const { key, value, headers } = encodeLogicRecord(parsed.envelope, record);
    invariant(key !== null, 'a logic record without a key');
    const byteLength = sizeOf(key, value, headers);
    if (byteLength > maxLogicRecordBytes) {
      return this.#refuse(
        record,
        'too_large',
        `the record with its key and headers takes ${byteLength} bytes, at most ${maxLogicRecordBytes} are accepted`,
      );
    }
    return {
      topic: logicTopic,
      partition: partitionOf(key, logicPartitions),
      key,
      value,
      headers,
      nextOffset: record.offset + 1,
      byteLength,
      refusedFor: null,
    };
  }

  #refuse(record: KafkaRecord, reason: DeadLetterReason, detail: string, nextOffset = record.offset + 1): RoutedRecord {
    const { dlqTopic, dlqPartitions, maxDeadLetterBytes, clock, log } = this.#options;
    const { topic, partition, offset } = record;
    log.debug('record dead-lettered', { partition, offset, reason });
    const dead = deadLetterRecord({
      record: cutToFit(record, maxDeadLetterBytes),
      place: { partition, offset },
      topic,
      reason,
      detail,
      atMs: clock.nowMs(),
    });
    return {
      topic: dlqTopic,
      partition: partition % dlqPartitions,
      key: dead.key,
      value: dead.value,
      headers: dead.headers,
      nextOffset,
      byteLength: sizeOf(dead.key, dead.value, dead.headers),
      refusedFor: reason,
    };
  }
}
