/** A consumer group: generations that members hear of in their own time, and fetches from where each one stands. */
import { InorderError } from '../../src/errors.js';
import type { CommitPosition, GroupSourceHandlers } from '../../src/kafka/group-contract.js';
import type { RecordSource } from '../../src/stages/ports.js';
import type { MemoryKafka } from './memory-kafka.js';
import type { Network } from './network.js';
import type { SimProcess } from './scheduler.js';

export interface GroupOptions {
  readonly groupId: string;
  readonly topic: string;
  readonly partitions: number;
  readonly startPaused: boolean;
  readonly flaw?: GroupFlaw | undefined;
}

/** What is planted to see the simulation fail. */
export type GroupFlaw = 'begins-behind-the-next-record' | 'commits-what-was-fetched';

const FETCH_MAX_RECORDS = 7;

export class SimGroup {
  generation = 0;
  readonly members: SimMember[] = [];
  /** Told of what is about to be committed. */
  onCommit: (partition: number, nextOffset: number) => void = () => undefined;

  constructor(
    readonly options: GroupOptions,
    readonly kafka: MemoryKafka,
    readonly network: Network,
  ) {}

  join(member: SimMember): void {
    if (member.isStopped) return;
    if (!this.members.includes(member)) this.members.push(member);
    this.rebalance();
  }

  /** Left, or silent for too long. */
  leave(member: SimMember): void {
    const at = this.members.indexOf(member);
    if (at < 0) return;
    this.members.splice(at, 1);
    this.rebalance();
  }

  rebalance(): void {
    this.generation += 1;
    const { generation, members } = this;
    members.forEach((member, index) => {
      const partitions: number[] = [];
      for (let p = 0; p < this.options.partitions; p++) {
        if ((p + generation) % members.length === index) partitions.push(p);
      }
      member.hear(generation, partitions);
    });
  }

  wake(): void {
    for (const member of this.members) member.wake();
  }
}

export class SimMember implements RecordSource {
  readonly #group: SimGroup;
  readonly #process: SimProcess;
  readonly #handlers: GroupSourceHandlers;
  readonly #positions = new Map<number, { next: number; paused: boolean }>();
  #generation = 0;
  #isFetching = false;
  isStopped = false;
  #joined: (() => void) | null = null;

  constructor(group: SimGroup, process: SimProcess, handlers: GroupSourceHandlers) {
    this.#group = group;
    this.#process = process;
    this.#handlers = handlers;
  }

  get process(): SimProcess {
    return this.#process;
  }

  start(): Promise<void> {
    return new Promise((resolve) => {
      this.#joined = resolve;
      this.#process.reach(this.#group.network.delayMs(), () => this.#group.join(this));
    });
  }

  hear(generation: number, partitions: readonly number[]): void {
    this.#process.reach(this.#group.network.delayMs(), () => {
      if (this.isStopped || generation < this.#group.generation || generation <= this.#generation) return;
      this.#generation = generation;
      this.#positions.clear();
      const { groupId, topic, startPaused, flaw } = this.#group.options;
      for (const partition of partitions) {
        const committed = this.#group.kafka.committed(groupId, topic, partition)?.nextOffset ?? 0;
        const next = flaw === 'begins-behind-the-next-record' && committed > 0 ? committed + 1 : committed;
        this.#positions.set(partition, { next, paused: startPaused });
      }
      this.#handlers.onAssigned(new Map([[topic, partitions]]));
      this.#joined?.();
      this.wake();
    });
  }

  wake(): void {
    if (this.#isFetching) return;
    this.#isFetching = true;
    this.#process.reach(this.#group.network.delayMs(), () => {
      this.#isFetching = false;
      if (this.#fetchAll()) this.wake();
    });
  }

  pause(_topic: string, partition: number): void {
    const position = this.#positions.get(partition);
    if (position !== undefined) position.paused = true;
  }

  resume(_topic: string, partition: number): void {
    const position = this.#positions.get(partition);
    if (position !== undefined) position.paused = false;
    this.wake();
  }

  seek(_topic: string, partition: number, nextOffset: number): void {
    const position = this.#positions.get(partition);
    if (position !== undefined) position.next = nextOffset;
  }

  async commit(positions: readonly CommitPosition[]): Promise<void> {
    const group = this.#group;
    const generation = this.#generation;
    const { flaw } = group.options;
    const own = positions.flatMap((position) => {
      const fetched = this.#positions.get(position.partition);
      if (fetched === undefined) return [];
      return flaw === 'commits-what-was-fetched' ? { ...position, nextOffset: fetched.next } : position;
    });
    const isTaken = await group.network.ask(this.#process, () => {
      if (generation !== group.generation) return false;
      for (const { topic, partition, nextOffset } of own) {
        group.onCommit(partition, nextOffset);
        group.kafka.commit(group.options.groupId, topic, partition, nextOffset);
      }
      return true;
    });
    if (!isTaken) throw new InorderError('kafka_failed', 'simulated: the group has moved on');
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    this.#group.leave(this);
  }

  #fetchAll(): boolean {
    const { topic } = this.#group.options;
    const { kafka } = this.#group;
    let hasFetched = false;
    for (const [partition, position] of this.#positions) {
      if (this.isStopped || position.paused) continue;
      const from = position.next;
      const { records, undecodable, next } = kafka.fetch(topic, partition, from, FETCH_MAX_RECORDS);
      position.next = next;
      if (next > from) hasFetched = true;
      if (records.length + undecodable.length === 0) continue;
      const highWatermark = kafka.endOffset(topic, partition);
      const size = { byteLength: records.length, highWatermark, nextOffset: next };
      this.#handlers.onBatch({ topic, partition, records, ...size, undecodable });
    }
    return hasFetched;
  }
}
