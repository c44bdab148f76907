import type { DeadLetterReason } from '../../protocol/reasons.js';
import type { OutgoingRecord } from '../../record.js';
import { BoundedQueue, type QueueLimits } from '../bounded-queue.js';
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
  readonly #queue: BoundedQueue<RoutedRecord>;

  constructor(topic: string, partition: number, limits: QueueLimits) {
    this.topic = topic;
    this.partition = partition;
    this.#queue = new BoundedQueue(limits, ({ byteLength }) => byteLength);
  }

  get length(): number {
    return this.#queue.length;
  }

  get isFull(): boolean {
    return this.#queue.isFull;
  }

  get isLow(): boolean {
    return this.#queue.isLow;
  }

  /** Fetched records that no send has acknowledged yet, as far as the last fetch knew. */
  get lag(): number {
    return this.nextOffset === null ? 0 : Math.max(0, this.highWatermark - this.nextOffset);
  }

  push(record: RoutedRecord): void {
    this.#queue.push(record);
    this.fetchOffset = record.nextOffset;
  }

  /** The next record if it is no larger than `maxBytes`. */
  take(maxBytes: number): RoutedRecord | undefined {
    return this.#queue.take(maxBytes);
  }
}
