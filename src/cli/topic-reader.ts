/**
 * Reads a topic for a person: all partitions, read-committed, in a consumer group of its own that is deleted at the
 * end, so that nothing is left behind on the cluster.
 */
import { randomUUID } from 'node:crypto';
import { InorderError } from '../errors.js';
import type { KafkaAdmin, LogRange } from '../kafka/admin.js';
import type { KafkaConnection } from '../kafka/connection.js';
import type { GroupBatch, GroupSourceHandlers, GroupSourceOptions } from '../kafka/group-contract.js';
import { GroupSource } from '../kafka/group-source.js';
import type { Log } from '../observe/log.js';
import type { KafkaRecord } from '../record.js';

export type Verdict = 'more' | 'enough';

export interface TopicRead {
  readonly kafka: KafkaConnection;
  readonly admin: KafkaAdmin;
  readonly topic: string;
  /** A word for the group's name. */
  readonly purpose: string;
  /** `now`: what is appended after this call began. A place: that partition only, from there. */
  readonly from: 'beginning' | 'now' | { readonly partition: number; readonly offset: number };
  /** `end`: what was there when this call began, and no more. */
  readonly until: 'end' | 'stopped';
  readonly stop: AbortSignal;
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly log: Log;
  /** Called once, when reading begins. */
  readonly onReady?: () => void;
  /** One after the other; those of one partition in order. Must not keep the record's buffers once it is done. */
  readonly onRecord: (record: KafkaRecord) => Verdict | Promise<Verdict>;
}

const FETCH = { maxWaitMs: 100, maxBytesPerPartition: 1_048_576, maxBytes: 8_388_608 } as const;
const MIN_REBALANCE_TIMEOUT_MS = 10_000;
/** Resolves when enough was read or the reading was stopped. @throws InorderError */
export async function readTopic(read: TopicRead): Promise<void> {
  const { admin, topic, until, stop, log } = read;
  const reading = new Reading(read, await rangesOf(admin, topic));
  if (stop.aborted || (until === 'end' && reading.isAtEnd)) return read.onReady?.();
  const groupId = `inorder.${read.purpose}.${randomUUID()}`;
  const source: GroupSource = new GroupSource(
    read.kafka,
    sourceOptions(read, groupId),
    handlers(read, reading, () => source),
    log,
  );
  const finish = (): void => reading.finish();
  stop.addEventListener('abort', finish);
  try {
    await Promise.race([source.start(), reading.finished]);
    read.onReady?.();
    await reading.finished;
  } finally {
    stop.removeEventListener('abort', finish);
    await source.stop();
    await forgetGroup(read, groupId);
  }
}

type Ranges = ReadonlyMap<number, LogRange>;

/** How far the reading is, by partition. */
class Reading {
  readonly finished: Promise<void>;
  finish!: () => void;
  fail!: (error: unknown) => void;
  readonly #read: TopicRead;
  readonly #ranges: Ranges;
  readonly #next = new Map<number, number>();
  #pending: Promise<void> = Promise.resolve();
  #isFinished = false;

  constructor(read: TopicRead, ranges: Ranges) {
    this.#read = read;
    this.#ranges = ranges;
    for (const [partition, { startOffset, endOffset }] of ranges) {
      this.#next.set(partition, startIn(partition, { startOffset, endOffset }, read.from));
    }
    this.finished = new Promise((resolve, reject) => {
      this.finish = () => {
        this.#isFinished = true;
        resolve();
      };
      this.fail = (error) => {
        this.#isFinished = true;
        reject(error instanceof Error ? error : new Error(String(error)));
      };
    });
  }

  get isAtEnd(): boolean {
    return [...this.#ranges].every(([partition, { endOffset }]) => this.nextOf(partition) >= endOffset);
  }

  nextOf(partition: number): number {
    return this.#next.get(partition) ?? 0;
  }

  /** Batches are worked off one by one; whoever hands them in pauses the partition until it is told to go on. */
  take(batch: GroupBatch, goOn: () => void): void {
    this.#pending = this.#pending.then(() => this.#work(batch)).then(goOn, (error: unknown) => this.fail(error));
  }

  /** Nothing that can be shown lies before `nextOffset`. */
  passed(partition: number, nextOffset: number): void {
    this.#next.set(partition, Math.max(nextOffset, this.nextOf(partition)));
    if (this.#read.until === 'end' && this.isAtEnd) this.finish();
  }

  async #work({ partition, records, nextOffset, undecodable }: GroupBatch): Promise<void> {
    const { until, onRecord, log } = this.#read;
    for (const { reason } of undecodable) log.warn('a batch was left out', { partition, reason });
    const end = until === 'end' ? (this.#ranges.get(partition)?.endOffset ?? 0) : Number.POSITIVE_INFINITY;
    for (const record of records) {
      // After a rejoin what is in work here is fetched again.
      if (this.#isFinished || record.offset >= end) break;
      if (record.offset < this.nextOf(partition)) continue;
      this.#next.set(partition, record.offset + 1);
      if ((await onRecord(record)) === 'enough') return this.finish();
    }
    this.passed(partition, nextOffset);
  }
}

function sourceOptions(read: TopicRead, groupId: string): GroupSourceOptions {
  const { topic, sessionTimeoutMs, heartbeatIntervalMs } = read;
  return {
    groupId,
    topics: [topic],
    fromBeginning: true,
    startPaused: true,
    onUndecodable: 'hand_out',
    sessionTimeoutMs,
    heartbeatIntervalMs,
    rebalanceTimeoutMs: Math.max(MIN_REBALANCE_TIMEOUT_MS, sessionTimeoutMs),
    ...FETCH,
  };
}

function handlers(read: TopicRead, reading: Reading, source: () => GroupSource): GroupSourceHandlers {
  return {
    onAssigned: (assignment) => {
      for (const partition of assignment.get(read.topic) ?? []) {
        source().seek(read.topic, partition, reading.nextOf(partition));
        source().resume(read.topic, partition);
      }
    },
    onBatch: (batch) => {
      source().pause(batch.topic, batch.partition);
      reading.take(batch, () => source().resume(batch.topic, batch.partition));
    },
    onPassed: ({ partition, nextOffset }) => reading.passed(partition, nextOffset),
    onFatal: (error) => reading.fail(error),
  };
}

function startIn(partition: number, { startOffset, endOffset }: LogRange, from: TopicRead['from']): number {
  if (from === 'beginning') return startOffset;
  if (from === 'now' || from.partition !== partition) return endOffset;
  return Math.min(Math.max(from.offset, startOffset), endOffset);
}

async function rangesOf(admin: KafkaAdmin, topic: string): Promise<Ranges> {
  const found = await admin.describeTopics([topic]);
  if (found.has(topic)) return admin.logRanges(topic);
  throw new InorderError('topic_mismatch', `Kafka has no topic ${topic}; \`inorder topics\` creates it`);
}

/** A group without members expires by itself in the end; deleting it is tidier, not vital. */
async function forgetGroup({ admin, log }: TopicRead, groupId: string): Promise<void> {
  try {
    await admin.deleteGroup(groupId);
  } catch (error) {
    log.debug('group not deleted', { groupId, cause: error });
  }
}
