import type { KafkaRecord } from '../../record.js';
import { BoundedQueue, type QueueLimits } from '../bounded-queue.js';

/** Records fetched and not yet taken by the lane, in offset order. */
export class LaneQueue {
  readonly #queue: BoundedQueue<KafkaRecord>;

  constructor(limits: QueueLimits) {
    this.#queue = new BoundedQueue(limits, sizeOf);
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

  push(records: readonly KafkaRecord[]): void {
    for (const record of records) this.#queue.push(record);
  }

  /** The next records, at least one if there is one, up to both bounds. */
  take(maxRecords: number, maxBytes: number): KafkaRecord[] {
    const batch: KafkaRecord[] = [];
    let bytes = 0;
    while (batch.length < maxRecords) {
      const record = this.#queue.take(batch.length === 0 ? Number.POSITIVE_INFINITY : maxBytes - bytes);
      if (record === undefined) break;
      batch.push(record);
      bytes += sizeOf(record);
    }
    return batch;
  }

  clear(): void {
    this.#queue.clear();
  }
}

function sizeOf(record: KafkaRecord): number {
  return (record.value?.length ?? 0) + (record.key?.length ?? 0);
}
