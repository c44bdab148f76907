import type { DeadLetterReason } from '../../protocol/reasons.js';
import type { OutgoingRecord } from '../../record.js';
import type { CommitCursor } from '../paced-commits.js';

/** One record of `im.ingest`, already what it becomes in `im.logic` or `im.dlq`. */
export interface RoutedRecord extends OutgoingRecord {
  /** Where `im.ingest` is read on once this is acknowledged: after the record, or the batch, that it came from. */
  readonly nextOffset: number;
  /** Key, value and headers, with what the record format adds, roughly. */
  readonly byteLength: number;
  /** Why it is a dead letter; null where it is none. */
  readonly refusedFor: DeadLetterReason | null;
}

export interface QueueLimits {
  readonly maxRecords: number;
  readonly maxBytes: number;
}

/** What one partition of `im.ingest` waits to send, in offset order, and how far its sends were acknowledged. */
export class PartitionQueue implements CommitCursor {
  readonly topic: string;
  readonly partition: number;
  /** Everything before it was acknowledged by `im.logic` or `im.dlq`. */
  nextOffset: number | null = null;
  committedOffset: number | null = null;
  /** Where fetching goes on: after the last record queued. Null before the first. */
  fetchOffset: number | null = null;
  highWatermark = 0;
  paused = false;
  readonly #limits: QueueLimits;
  #records: RoutedRecord[] = [];
  #taken = 0;
  #bytes = 0;

  constructor(topic: string, partition: number, limits: QueueLimits) {
    this.topic = topic;
    this.partition = partition;
    this.#limits = limits;
  }

  get length(): number {
    return this.#records.length - this.#taken;
  }

  get isFull(): boolean {
    return this.length >= this.#limits.maxRecords || this.#bytes >= this.#limits.maxBytes;
  }

  /** Half of the limits, so that the source isn't paused and resumed with every send. */
  get isLow(): boolean {
    return this.length <= this.#limits.maxRecords / 2 && this.#bytes <= this.#limits.maxBytes / 2;
  }

  /** Fetched records that no send has acknowledged yet, as far as the last fetch knew. */
  get lag(): number {
    return this.nextOffset === null ? 0 : Math.max(0, this.highWatermark - this.nextOffset);
  }

  push(record: RoutedRecord): void {
    this.#records.push(record);
    this.#bytes += record.byteLength;
    this.fetchOffset = record.nextOffset;
  }

  /** The next record if it is no larger than `maxBytes`. */
  take(maxBytes: number): RoutedRecord | undefined {
    const record = this.#records[this.#taken];
    if (record === undefined || record.byteLength > maxBytes) return undefined;
    this.#taken += 1;
    this.#bytes -= record.byteLength;
    if (this.#taken * 2 >= this.#records.length) {
      this.#records = this.#records.slice(this.#taken);
      this.#taken = 0;
    }
    return record;
  }
}
