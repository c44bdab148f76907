import type { Consumer } from 'kafkajs';
import kafkajs from 'kafkajs';
import { systemClock } from '../clock/clock.js';
import { InorderError } from '../errors.js';
import type { Log } from '../observe/log.js';
import { type Ownership, stickyAssigner } from './assigner.js';
import type { KafkaConnection } from './connection.js';
import { within } from './deadline.js';
import { failureOf, isOutage, protocolErrorOf } from './failure.js';
import { decodeFetch, type FetchAnswer, PartitionFetcher } from './partition-fetcher.js';
import type { CommitPosition, GroupBatch, GroupSourceOptions } from './group-contract.js';
import type { Equipment, KafkajsBroker, KafkajsClient, KafkajsCluster } from './kafkajs-seams.js';
import { LIMITS, PATIENT_RETRY } from './options.js';
import type { Assignment, Positions } from './positions.js';

/** What a life tells its source. `ended` at most once; nothing after `end()`. */
export interface GroupLifeEvents {
  joined(generation: number, assignment: Assignment): void;
  batch(batch: GroupBatch): void;
  passed(passed: { topic: string; partition: number; nextOffset: number }): void;
  ended(error: unknown): void;
}

const STOP_MS = 2_500;
const LEAVE_MS = 1_500;
const COMMIT_LIMIT_MS = 6_000;
const COMMIT_BACKOFF_MS = 100;
/** The broker's ways to say that this member's generation is over. */
const GENERATION_OVER = new Set(['ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'REBALANCE_IN_PROGRESS']);

/**
 * One kafkajs consumer, from connecting to its end. When kafkajs gives up the life is over and the source begins
 * another one: kafkajs' own restart is off, because it restarts after some outages only, and cannot be stopped while
 * it does.
 *
 * Of kafkajs' consumer we use the group protocol: joining, heartbeats, the fetch loop. Each fetch is taken over whole
 * (PartitionFetcher) and kafkajs is told that it brought nothing: so it never resolves, seeks, filters or commits an
 * offset, and heartbeats after each. Member id and generation are overheard from the requests that pass.
 */
export class GroupLife {
  /** Whether connecting and subscribing worked. */
  begun = false;
  #over = false;
  #joining = false;
  #member: { memberId: string; generation: number } | null = null;
  /** Known to the broker from the first request of a join on, long before the join is done. */
  #memberId: string | null = null;
  #left = false;
  #coordinator: KafkajsBroker | null = null;
  #cluster: KafkajsCluster | null = null;
  readonly #client: KafkajsClient;
  readonly #consumer: Consumer;
  readonly #fetcher: PartitionFetcher;

  constructor(
    readonly kafka: KafkaConnection,
    readonly options: GroupSourceOptions,
    positions: Positions,
    ownership: () => Ownership,
    readonly events: GroupLifeEvents,
    log: Log,
  ) {
    this.#fetcher = new PartitionFetcher(options, positions, log, {
      batch: (batch) => this.#unlessOver(() => events.batch(batch)),
      passed: (passed) => this.#unlessOver(() => events.passed(passed)),
      fatal: (error) => this.#unlessOver(() => events.ended(error)),
      refreshMetadata: async () => this.#cluster?.refreshMetadata(),
    });
    this.#client = kafka.openClient(this.#equipment());
    this.#consumer = this.#client.kafka.consumer({
      groupId: options.groupId,
      sessionTimeout: options.sessionTimeoutMs,
      heartbeatInterval: options.heartbeatIntervalMs,
      rebalanceTimeout: options.rebalanceTimeoutMs,
      maxBytesPerPartition: options.maxBytesPerPartition,
      minBytes: 1,
      maxBytes: options.maxBytes,
      // How long kafkajs sleeps when a broker leads none of our partitions; fetches get `maxWaitMs` of their own.
      maxWaitTimeInMs: Math.min(options.maxWaitMs, 100),
      readUncommitted: options.readUncommitted ?? false,
      allowAutoTopicCreation: false,
      partitionAssigners: [stickyAssigner(ownership), kafkajs.PartitionAssigners.roundRobin],
      retry: { ...PATIENT_RETRY, restartOnFailure: () => Promise.resolve(false) },
    });
  }

  /** Connects and begins to join; `joined` or `ended` follows. @throws what kafkajs throws, or InorderError */
  async begin(): Promise<void> {
    const { GROUP_JOIN, CRASH } = this.#consumer.events;
    this.#consumer.on(GROUP_JOIN, ({ payload }) => this.#joined(payload.memberAssignment));
    this.#consumer.on(CRASH, ({ payload }) => this.#unlessOver(() => this.events.ended(payload.error)));
    const connected = await within(this.#consumer.connect(), LIMITS.unreachableMs);
    if (connected.kind === 'failed') throw connected.error;
    if (connected.kind === 'late') {
      throw new InorderError('kafka_unavailable', `no answer from Kafka at ${this.kafka.options.brokers.join(', ')}`);
    }
    const { topics, fromBeginning } = this.options;
    await this.#consumer.subscribe({ topics: [...topics], fromBeginning });
    this.begun = true;
    await this.#consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: () => Promise.reject(new InorderError('invariant_broken', 'kafkajs was given a batch')),
    });
  }

  /** Something was resumed: an idle wait ends now. */
  wake(): void {
    this.#fetcher.wake();
  }

  /** False when the group has moved on: nothing is committed then. @throws InorderError */
  async commit(positions: readonly CommitPosition[]): Promise<boolean> {
    const member = this.#member;
    const giveUpAt = systemClock.monotonicMs() + COMMIT_LIMIT_MS;
    for (;;) {
      if (member === null || this.#over || member !== this.#member) return false;
      try {
        await this.#commitOnce(member, positions);
        return true;
      } catch (error) {
        if (GENERATION_OVER.has(protocolErrorOf(error) ?? '')) return false;
        if (!isOutage(error) || systemClock.monotonicMs() > giveUpAt) {
          throw failureOf(error, `commit offsets of group ${this.options.groupId}`, this.kafka.options.brokers);
        }
        this.#coordinator = null;
        await systemClock.sleep(COMMIT_BACKOFF_MS);
      }
    }
  }

  /** Leaves the group and lets go of everything, in a bounded time. Never rejects. */
  async end(): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    this.#fetcher.stop();
    // In the middle of a join kafkajs' stop waits for the whole group, or returns and leaves the member behind.
    if (!this.#joining) await within(this.#consumer.disconnect(), STOP_MS);
    this.#client.kill();
    if (this.#memberId !== null && !this.#left) await this.#leaveFromOutside(this.#memberId);
  }

  #unlessOver(tell: () => void): void {
    if (!this.#over) tell();
  }

  #joined(memberAssignment: Readonly<Record<string, readonly number[]>>): void {
    this.#joining = false;
    const assignment = new Map(Object.entries(memberAssignment));
    this.#unlessOver(() => this.events.joined(this.#member?.generation ?? -1, assignment));
  }

  #equipment(): Equipment {
    return {
      protocol: decodeFetch,
      requestFailed: (error) => {
        const { name, memberId } = error as { name?: unknown; memberId?: unknown };
        if (name === 'KafkaJSMemberIdRequired' && typeof memberId === 'string') this.#memberId = memberId;
      },
      cluster: (cluster) => {
        this.#cluster = cluster;
      },
      broker: (broker) => {
        const fetch = broker.fetch.bind(broker);
        broker.fetch = (request) => this.#fetcher.fetch(request, (own) => fetch(own) as Promise<FetchAnswer>);
        const join = broker.joinGroup.bind(broker);
        broker.joinGroup = (request) => this.#join(broker, () => join(request));
        const leave = broker.leaveGroup.bind(broker);
        broker.leaveGroup = async (request) => {
          const left = await leave(request);
          this.#left = true;
          return left;
        };
      },
    };
  }

  async #join<T extends { memberId: string; generationId: number }>(
    broker: KafkajsBroker,
    join: () => Promise<T>,
  ): Promise<T> {
    this.#joining = true;
    try {
      const joined = await join();
      this.#member = { memberId: joined.memberId, generation: joined.generationId };
      this.#memberId = joined.memberId;
      this.#coordinator = broker;
      return joined;
    } catch (error) {
      this.#joining = false;
      throw error;
    }
  }

  async #commitOnce(
    member: { memberId: string; generation: number },
    positions: readonly CommitPosition[],
  ): Promise<void> {
    const { groupId } = this.options;
    if (this.#coordinator?.isConnected() !== true) {
      this.#coordinator = (await this.#cluster?.findGroupCoordinator({ groupId })) ?? null;
    }
    await this.#coordinator?.offsetCommit({
      groupId,
      memberId: member.memberId,
      groupGenerationId: member.generation,
      topics: topicsOf(positions),
    });
  }

  /** On a connection of its own: a broker answers one request of a connection after the other, and a join may wait. */
  async #leaveFromOutside(memberId: string): Promise<void> {
    const { groupId } = this.options;
    const client = this.kafka.openClient({});
    const leaving = async (): Promise<void> => {
      const cluster = client.openCluster();
      await cluster.connect();
      await cluster.refreshMetadata();
      const coordinator = await cluster.findGroupCoordinator({ groupId });
      await coordinator.leaveGroup({ groupId, memberId });
    };
    await within(leaving(), LEAVE_MS);
    client.kill();
  }
}

interface CommittedTopic {
  readonly topic: string;
  readonly partitions: { partition: number; offset: string; metadata: string }[];
}

function topicsOf(positions: readonly CommitPosition[]): CommittedTopic[] {
  const topics = new Map<string, CommittedTopic>();
  for (const { topic, partition, nextOffset, metadata } of positions) {
    let committed = topics.get(topic);
    if (committed === undefined) topics.set(topic, (committed = { topic, partitions: [] }));
    committed.partitions.push({ partition, offset: String(nextOffset), metadata: metadata ?? '' });
  }
  return [...topics.values()];
}
