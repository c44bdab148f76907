import type { KafkaRecord } from '../../record.js';

export interface QueueLimits {
  readonly maxRecords: number;
  readonly maxBytes: number;
}

/** Records fetched and not yet taken by the lane, in offset order. Bounded by who fills it: it only says when it's full. */
export class LaneQueue {
  readonly #limits: QueueLimits;
  #records: KafkaRecord[] = [];
  #taken = 0;
  #bytes = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  get length(): number {
    return this.#records.length - this.#taken;
  }

  get isFull(): boolean {
    return this.length >= this.#limits.maxRecords || this.#bytes >= this.#limits.maxBytes;
  }

  /** Low enough to fetch again: half of the limit, so that the source isn't paused and resumed at every batch. */
  get isLow(): boolean {
    return this.length <= this.#limits.maxRecords / 2 && this.#bytes <= this.#limits.maxBytes / 2;
  }

  push(records: readonly KafkaRecord[]): void {
    for (const record of records) {
      this.#records.push(record);
      this.#bytes += sizeOf(record);
    }
  }

  /** The next records, at least one if there is one, up to both bounds. */
  take(maxRecords: number, maxBytes: number): KafkaRecord[] {
    const batch: KafkaRecord[] = [];
    let bytes = 0;
    while (batch.length < maxRecords) {
      const record = this.#records[this.#taken];
      if (record === undefined) break;
      const size = sizeOf(record);
      if (batch.length > 0 && bytes + size > maxBytes) break;
      batch.push(record);
      bytes += size;
      this.#taken += 1;
    }
    this.#bytes -= bytes;
    if (this.#taken > 0 && this.#taken >= this.#records.length / 2) {
      this.#records = this.#records.slice(this.#taken);
      this.#taken = 0;
    }
    return batch;
  }

  clear(): void {
    this.#records = [];
    this.#taken = 0;
    this.#bytes = 0;
  }
}

function sizeOf(record: KafkaRecord): number {
  return (record.value?.length ?? 0) + (record.key?.length ?? 0);
}
