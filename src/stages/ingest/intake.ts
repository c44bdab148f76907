/**
 * The queues of the partitions held now. Bounded by pausing the source: a partition is paused when its queue is full
 * and resumed when it is half empty, so what it holds is at most its limits and one fetch.
 *
 * Rebalances: a partition that went away loses its queue, unsent; its new owner starts at the committed offset, which
 * is at or before the first record of that queue. A partition that stays keeps its queue, and fetching is told to go
 * on after it: the source would start again at the committed offset, and everything sent since would be sent twice.
 * Whether somebody else had the partition in between doesn't matter: what both send is a duplicate.
 */
import type { RecordSource } from '../ports.js';
import type { QueueLimits } from '../bounded-queue.js';
import { PartitionQueue, type RoutedRecord } from './partition-queue.js';

/** What one send takes. */
export interface Chunk {
  readonly records: readonly RoutedRecord[];
  readonly byteLength: number;
  /** Where each queue stands once the chunk is acknowledged. */
  readonly ends: readonly { readonly queue: PartitionQueue; readonly nextOffset: number }[];
}

export interface ChunkLimits {
  readonly maxRecords: number;
  readonly maxBytes: number;
}

export class Intake {
  readonly #topic: string;
  readonly #limits: QueueLimits;
  readonly #source: Pick<RecordSource, 'pause' | 'resume' | 'seek'>;
  #queues = new Map<number, PartitionQueue>();
  #order: PartitionQueue[] = [];
  #turn = 0;

  constructor(topic: string, limits: QueueLimits, source: Pick<RecordSource, 'pause' | 'resume' | 'seek'>) {
    this.#topic = topic;
    this.#limits = limits;
    this.#source = source;
  }

  get queues(): Iterable<PartitionQueue> {
    return this.#order;
  }

  queueOf(partition: number): PartitionQueue | undefined {
    return this.#queues.get(partition);
  }

  /** The partitions held from now on. Returns those that were held and are no longer. */
  assign(partitions: readonly number[]): number[] {
    const former = this.#queues;
    this.#queues = new Map(
      partitions.map((p) => [p, former.get(p) ?? new PartitionQueue(this.#topic, p, this.#limits)]),
    );
    this.#order = [...this.#queues.values()];
    for (const queue of this.#order) this.#openSource(queue);
    return [...former.keys()].filter((partition) => !this.#queues.has(partition));
  }

  /** To be called when something was queued. */
  pauseWhenFull(queue: PartitionQueue): void {
    if (queue.isFull && !queue.paused) {
      queue.paused = true;
      this.#source.pause(this.#topic, queue.partition);
    }
  }

  /**
   * The next chunk, each queue's part in its order, or null when nothing waits. Queues take turns at being first, so
   * that a full one doesn't keep the others waiting. A record larger than `maxBytes` makes a chunk of its own.
   */
  take(limits: ChunkLimits): Chunk | null {
    const records: RoutedRecord[] = [];
    const ends: { queue: PartitionQueue; nextOffset: number }[] = [];
    let byteLength = 0;
    for (let i = 0; i < this.#order.length; i++) {
      const queue = this.#order[(this.#turn + i) % this.#order.length];
      if (queue === undefined) continue;
      let last: RoutedRecord | undefined;
      while (records.length < limits.maxRecords) {
        const next = queue.take(records.length === 0 ? Infinity : limits.maxBytes - byteLength);
        if (next === undefined) break;
        records.push(next);
        byteLength += next.byteLength;
        last = next;
      }
      if (last !== undefined) {
        ends.push({ queue, nextOffset: last.nextOffset });
        this.#resumeWhenLow(queue);
      }
    }
    this.#turn += 1;
    return records.length === 0 ? null : { records, byteLength, ends };
  }

  #resumeWhenLow(queue: PartitionQueue): void {
    if (!queue.paused || !queue.isLow) return;
    queue.paused = false;
    this.#source.resume(this.#topic, queue.partition);
  }

  /** A generation of the group begins at the committed offsets, with nothing paused. */
  #openSource(queue: PartitionQueue): void {
    if (queue.fetchOffset !== null) this.#source.seek(this.#topic, queue.partition, queue.fetchOffset);
    if (queue.paused) this.#source.pause(this.#topic, queue.partition);
  }
}
