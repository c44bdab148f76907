import type { LogicOffset } from '../../protocol/ids.js';
import type { KafkaRecord } from '../../record.js';
import type { LaneLog } from './edges.js';
import type { QueueLimits } from '../bounded-queue.js';
import { LaneQueue } from './lane-queue.js';

export type Offered =
  | { readonly kind: 'taken' }
  /** Not the next records: some are lost, or were never there. */
  | { readonly kind: 'broken'; readonly reason: string };

/**
 * The way in: what the log gives, held to the very next offset, queued within bounds. A lane whose queue is full pauses
 * its partition, and lets it go on at half. Closed until a reign opens it at its position.
 */
export class LaneIntake {
  readonly #log: LaneLog;
  readonly #queue: LaneQueue;
  /** The offset the next record must have; null while closed. */
  #nextOffset: number | null = null;
  #paused = false;

  constructor(log: LaneLog, limits: QueueLimits) {
    this.#log = log;
    this.#queue = new LaneQueue(limits);
  }

  get length(): number {
    return this.#queue.length;
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0;
  }

  open(nextOffset: LogicOffset): void {
    this.#nextOffset = nextOffset;
    this.#paused = false;
    this.#log.open(nextOffset);
  }

  close(): void {
    this.#nextOffset = null;
    this.#queue.clear();
  }

  /** After a rebalance, at which the source forgets positions and pauses: read on where it was, as it was. */
  reopen(): void {
    if (this.#nextOffset === null) return;
    this.#log.open(this.#nextOffset as LogicOffset);
    if (this.#paused) this.#log.pause();
  }

  /** Records taken before (fetched again after a rebalance) are dropped; a closed intake drops everything. */
  offer(records: readonly KafkaRecord[]): Offered {
    const expected = this.#nextOffset;
    if (expected === null) return { kind: 'taken' };
    const fresh = (records[0]?.offset ?? 0) >= expected ? records : records.filter(({ offset }) => offset >= expected);
    const first = fresh[0];
    const last = fresh.at(-1);
    if (first === undefined || last === undefined) return { kind: 'taken' };
    if (first.offset !== expected || last.offset - first.offset + 1 !== fresh.length) {
      const found = `offsets ${first.offset} to ${last.offset} (${fresh.length} records)`;
      return { kind: 'broken', reason: `the log gave ${found} where ${expected} was next` };
    }
    this.#nextOffset = last.offset + 1;
    this.#queue.push(fresh);
    if (this.#queue.isFull && !this.#paused) {
      this.#paused = true;
      this.#log.pause();
    }
    return { kind: 'taken' };
  }

  take(maxRecords: number, maxBytes: number): KafkaRecord[] {
    const records = this.#queue.take(maxRecords, maxBytes);
    if (this.#paused && this.#queue.isLow) {
      this.#paused = false;
      this.#log.resume();
    }
    return records;
  }
}
