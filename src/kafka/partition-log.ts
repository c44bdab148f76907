/**
 * A partition as it lies in the log: every record, those of aborted and of unfinished transactions too, each with what
 * became of its transaction. For whoever judges a topic; a consumer reads through a group-source.
 *
 * What became of a transaction is read from the markers in the log, not from what the broker says of it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { InorderError } from '../errors.js';
import type { KafkaRecord } from '../record.js';
import type { KafkaConnection } from './connection.js';
import { failureOf } from './failure.js';
import type { KafkajsClient, KafkajsCluster } from './kafkajs-seams.js';
import { LIMITS } from './options.js';
import { decodeFetch, type FetchAnswer } from './partition-fetcher.js';
import { readRecords, type BatchSeen } from './read-records.js';
import type { FetchedPartition } from './wire.js';

export interface LoggedRecord {
  readonly record: KafkaRecord;
  /** `committed` also where there is no transaction; `open`: no marker up to where was read. */
  readonly outcome: 'committed' | 'aborted' | 'open';
  /** Grows with the transactions of a partition, in the order in which they began; null where there is none. */
  readonly transaction: number | null;
}

export interface LogEnds {
  /** Where read-committed readers get to. */
  readonly stableOffset: number;
  readonly endOffset: number;
  /** When the first record of the oldest open transaction was written, ms since 1970 UTC; null where none is open. */
  readonly openSinceMs: number | null;
}

export interface Followed {
  readonly partition: number;
  /** May be empty. */
  readonly records: readonly LoggedRecord[];
  /** Up to where was read. */
  readonly nextOffset: number;
  readonly stableOffset: number;
  readonly endOffset: number;
}

type FetchLimits = Readonly<Record<'maxWaitTime' | 'minBytes' | 'maxBytes', number>>;

const FETCH = { maxWaitTime: 100, minBytes: 1, maxBytes: 8 * 1_048_576 } as const;
/** Partitions that are followed take turns on one connection: none may keep the others waiting. */
const NO_WAIT = { ...FETCH, maxWaitTime: 0, maxBytes: 1_048_576 } as const;
const IDLE_MS = 50;
const READ_LIMITS = { maxBatchBytes: 128 * 1_048_576, maxBatchRecords: 500_000 } as const;
/** Records that wait for the end of their transaction; beyond, the oldest go out as open. */
const MOST_WAITING = 200_000;
const RETRY_MS = 200;
const OFFSET_OUT_OF_RANGE = 1;

export class PartitionLogReader {
  readonly #kafka: KafkaConnection;
  #open: Promise<{ client: KafkajsClient; cluster: KafkajsCluster }> | null = null;

  constructor(kafka: KafkaConnection) {
    this.#kafka = kafka;
  }

  /**
   * From `fromOffset` to before `endOffset`, in offset order.
   * @throws InorderError kafka_unavailable, kafka_failed (an offset that was deleted meanwhile; a batch that can't be read)
   */
  async *read(topic: string, partition: number, fromOffset: number, endOffset: number): AsyncGenerator<LoggedRecord[]> {
    const transactions = new Transactions();
    let nextOffset = fromOffset;
    let fetching = nextOffset < endOffset ? this.#fetch(topic, partition, nextOffset) : null;
    while (fetching !== null) {
      const { bytes } = await fetching;
      const read = await decode(topic, partition, nextOffset, bytes);
      nextOffset = read.nextOffset;
      fetching = nextOffset < endOffset ? this.#fetch(topic, partition, nextOffset) : null;
      fetching?.catch(() => undefined); // awaited in the next turn, if there is one
      const records = read.records.filter(({ offset }) => offset < endOffset);
      const settled = transactions.take(
        records,
        read.batches.filter(({ firstOffset }) => firstOffset < endOffset),
      );
      if (settled.length > 0) yield settled;
    }
    const rest = transactions.rest();
    if (rest.length > 0) yield rest;
  }

  /**
   * What is appended to the partitions from these offsets on, once it is settled, until `stop` aborts. Each partition
   * has its turn whether something came or not.
   * @throws InorderError kafka_unavailable, kafka_failed (as `read`)
   */
  async *follow(topic: string, from: ReadonlyMap<number, number>, stop: AbortSignal): AsyncGenerator<Followed> {
    const followed = [...from].map(([partition, nextOffset]) => ({
      ...{ partition, nextOffset, transactions: new Transactions() },
    }));
    while (!stop.aborted) {
      let isIdle = true;
      for (const one of followed) {
        const {
          bytes,
          highWatermark: endOffset,
          lastStableOffset: stableOffset,
        } = await this.#fetch(topic, one.partition, one.nextOffset, NO_WAIT);
        const read = await decode(topic, one.partition, one.nextOffset, bytes);
        if (read.nextOffset > one.nextOffset) isIdle = false;
        one.nextOffset = read.nextOffset;
        const records = one.transactions.take(read.records, read.batches);
        const { partition, nextOffset } = one;
        yield { partition, records, nextOffset, stableOffset, endOffset };
      }
      if (isIdle) await delay(IDLE_MS, undefined, { signal: stop }).catch(() => undefined);
    }
  }

  /** @throws InorderError kafka_unavailable, kafka_failed */
  async ends(topic: string, partition: number, fromOffset: number): Promise<LogEnds> {
    const { highWatermark, lastStableOffset } = await this.#fetch(topic, partition, fromOffset);
    if (lastStableOffset >= highWatermark) {
      return { stableOffset: lastStableOffset, endOffset: highWatermark, openSinceMs: null };
    }
    const { bytes } = await this.#fetch(topic, partition, lastStableOffset);
    const read = await readRecords({ topic, partition, fromOffset: lastStableOffset, bytes, aborted: [] }, READ_LIMITS);
    const openSinceMs = read.records[0]?.timestampMs ?? null;
    return { stableOffset: lastStableOffset, endOffset: highWatermark, openSinceMs };
  }

  /** Idempotent. */
  async close(): Promise<void> {
    const open = this.#open;
    this.#open = null;
    (await open?.catch(() => null))?.client.kill();
  }

  async #fetch(
    topic: string,
    partition: number,
    offset: number,
    limits: FetchLimits = FETCH,
  ): Promise<FetchedPartition> {
    const giveUpAtMs = performance.now() + LIMITS.unreachableMs;
    for (;;) {
      try {
        const fetched = await this.#fetchOnce(topic, partition, offset, limits);
        if (fetched !== null) return fetched;
      } catch (error) {
        if (error instanceof InorderError || performance.now() > giveUpAtMs) {
          throw failureOf(error, `read partition ${partition} of ${topic}`, this.#kafka.options.brokers);
        }
      }
      if (performance.now() > giveUpAtMs) {
        throw new InorderError('kafka_unavailable', `partition ${partition} of ${topic} has no leader that answers`);
      }
      await delay(RETRY_MS);
      await (await this.#cluster()).refreshMetadata().catch(() => undefined);
    }
  }

  /** Null where the leader has moved. */
  async #fetchOnce(
    topic: string,
    partition: number,
    fetchOffset: number,
    limits: FetchLimits,
  ): Promise<FetchedPartition | null> {
    const cluster = await this.#cluster();
    await cluster.addTargetTopic(topic);
    const [nodeId] = Object.keys(cluster.findLeaderForPartitions(topic, [partition]));
    if (nodeId === undefined) return null;
    const broker = await cluster.findBroker({ nodeId });
    const asked = { partition, fetchOffset: String(fetchOffset), maxBytes: limits.maxBytes };
    const request = { ...limits, isolationLevel: 0, topics: [{ topic, partitions: [asked] }] };
    const { response } = (await broker.fetch(request)) as FetchAnswer;
    const fetched = response.partitions.find((one) => one.topic === topic && one.partition === partition);
    if (fetched?.errorCode === OFFSET_OUT_OF_RANGE) {
      const what = `offset ${fetchOffset} of partition ${partition} of ${topic} is not in its log`;
      throw new InorderError('kafka_failed', `${what}: its records were deleted meanwhile, or the topic was made anew`);
    }
    return fetched?.errorCode === 0 ? fetched : null;
  }

  async #cluster(): Promise<KafkajsCluster> {
    this.#open ??= this.#connect();
    return (await this.#open).cluster;
  }

  async #connect(): Promise<{ client: KafkajsClient; cluster: KafkajsCluster }> {
    const client = this.#kafka.openClient({ protocol: decodeFetch });
    const cluster = client.openCluster();
    try {
      await cluster.connect();
      return { client, cluster };
    } catch (error) {
      client.kill();
      this.#open = null;
      throw error;
    }
  }
}

interface Decoded {
  readonly records: readonly KafkaRecord[];
  readonly batches: readonly BatchSeen[];
  readonly nextOffset: number;
}

/** @throws InorderError kafka_failed: a batch that can't be read */
async function decode(topic: string, partition: number, fromOffset: number, bytes: Buffer): Promise<Decoded> {
  const batches: BatchSeen[] = [];
  const read = await readRecords({ topic, partition, fromOffset, bytes, aborted: [] }, READ_LIMITS, batches);
  const [undecodable] = read.undecodable;
  if (undecodable !== undefined) {
    throw new InorderError('kafka_failed', `partition ${partition} of ${topic}: ${undecodable.reason}`);
  }
  return { records: read.records, batches, nextOffset: read.nextOffset };
}

interface Waiting {
  readonly record: KafkaRecord;
  readonly transaction: OpenTransaction | null;
}

interface OpenTransaction {
  readonly number: number;
  outcome: LoggedRecord['outcome'];
}

/** Holds records back until their transaction's marker is read. */
class Transactions {
  #waiting: Waiting[] = [];
  readonly #open = new Map<number, OpenTransaction>();
  #count = 0;

  /** What is settled now, in offset order. */
  take(records: readonly KafkaRecord[], batches: readonly BatchSeen[]): LoggedRecord[] {
    let at = 0;
    for (const { producerId, lastOffset, transactional, marker } of batches) {
      const transaction = transactional && marker === null ? this.#transactionOf(producerId) : null;
      for (; at < records.length && (records[at] as KafkaRecord).offset <= lastOffset; at++) {
        this.#waiting.push({ record: records[at] as KafkaRecord, transaction });
      }
      if (marker === 'commit' || marker === 'abort') this.#end(producerId, marker);
    }
    let settled = 0;
    while (
      settled < this.#waiting.length &&
      (this.#isSettled(settled) || this.#waiting.length - settled > MOST_WAITING)
    ) {
      settled += 1;
    }
    const out = this.#waiting.slice(0, settled).map(loggedOf);
    this.#waiting = this.#waiting.slice(settled);
    return out;
  }

  rest(): LoggedRecord[] {
    return this.#waiting.map(loggedOf);
  }

  #isSettled(at: number): boolean {
    return this.#waiting[at]?.transaction?.outcome !== 'open';
  }

  #transactionOf(producerId: number): OpenTransaction {
    let open = this.#open.get(producerId);
    if (open === undefined) {
      open = { number: this.#count++, outcome: 'open' };
      this.#open.set(producerId, open);
    }
    return open;
  }

  #end(producerId: number, marker: 'commit' | 'abort'): void {
    const open = this.#open.get(producerId);
    if (open === undefined) return;
    open.outcome = marker === 'commit' ? 'committed' : 'aborted';
    this.#open.delete(producerId);
  }
}

function loggedOf({ record, transaction }: Waiting): LoggedRecord {
  return { record, outcome: transaction?.outcome ?? 'committed', transaction: transaction?.number ?? null };
}
