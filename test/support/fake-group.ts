/** A consumer group over one topic in memory: generations, committed offsets, and fetches that happen when told to. */
import type { RecordSource } from '../../src/stages/ports.js';
import type { CommitPosition, GroupSourceHandlers } from '../../src/kafka/group-contract.js';
import type { KafkaRecord } from '../../src/record.js';

export class FakeGroup {
  readonly topic: string;
  readonly logs: readonly (readonly KafkaRecord[])[];
  readonly #committed = new Map<number, number>();
  /** Told of every commit that the group took. */
  onCommit: (position: CommitPosition) => void = () => undefined;
  generation = 0;
  /** A flaw to plant: how far beyond the committed offset a member begins. */
  startBeyond = 0;

  constructor(topic: string, logs: readonly (readonly KafkaRecord[])[]) {
    this.topic = topic;
    this.logs = logs;
  }

  committedOffset(partition: number): number {
    return this.#committed.get(partition) ?? 0;
  }

  commit(position: CommitPosition): void {
    this.onCommit(position);
    this.#committed.set(position.partition, position.nextOffset);
  }

  /** A new generation. Members left out don't hear of it: they are suspended, and come to know at their next join. */
  rebalance(assignments: ReadonlyMap<FakeMember, readonly number[]>): void {
    this.generation += 1;
    for (const [member, partitions] of assignments) member.join(this.generation, partitions);
  }
}

export class FakeMember implements RecordSource {
  readonly #group: FakeGroup;
  readonly #handlers: GroupSourceHandlers;
  readonly #positions = new Map<number, number>();
  readonly #paused = new Set<number>();
  #generation = 0;
  isStopped = false;
  seekCount = 0;

  constructor(group: FakeGroup, handlers: GroupSourceHandlers) {
    this.#group = group;
    this.#handlers = handlers;
  }

  async start(): Promise<void> {
    await Promise.resolve();
  }

  /** As GroupSource: every partition begins at the committed offset unless it is sought, and none is paused. */
  join(generation: number, partitions: readonly number[]): void {
    this.#generation = generation;
    this.#positions.clear();
    this.#paused.clear();
    for (const partition of partitions) {
      this.#positions.set(partition, this.#group.committedOffset(partition) + this.#group.startBeyond);
    }
    this.#handlers.onAssigned(new Map([[this.#group.topic, partitions]]));
  }

  get partitions(): number[] {
    return [...this.#positions.keys()];
  }

  isPaused(partition: number): boolean {
    return this.#paused.has(partition);
  }

  /** Whether there was something to fetch. */
  fetch(partition: number, maxRecords: number): boolean {
    const position = this.#positions.get(partition);
    const log = this.#group.logs[partition] ?? [];
    if (this.isStopped || position === undefined || this.#paused.has(partition)) return false;
    const records = log.filter(({ offset }) => offset >= position).slice(0, maxRecords);
    const last = records.at(-1);
    if (last === undefined) return false;
    this.#positions.set(partition, last.offset + 1);
    const highWatermark = (log.at(-1)?.offset ?? -1) + 1;
    this.#handlers.onBatch({
      topic: this.#group.topic,
      partition,
      records,
      byteLength: records.length,
      highWatermark,
      nextOffset: last.offset + 1,
      undecodable: [],
    });
    return true;
  }

  pause(_topic: string, partition: number): void {
    this.#paused.add(partition);
  }

  resume(_topic: string, partition: number): void {
    this.#paused.delete(partition);
  }

  seek(_topic: string, partition: number, nextOffset: number): void {
    this.seekCount += 1;
    if (this.#positions.has(partition)) this.#positions.set(partition, nextOffset);
  }

  async commit(positions: readonly CommitPosition[]): Promise<void> {
    await Promise.resolve();
    if (this.isStopped || this.#generation !== this.#group.generation) throw new Error('ILLEGAL_GENERATION');
    for (const position of positions) if (this.#positions.has(position.partition)) this.#group.commit(position);
  }

  async stop(): Promise<void> {
    await Promise.resolve();
    this.isStopped = true;
  }
}
