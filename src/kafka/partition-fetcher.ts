import { systemClock } from '../clock/clock.js';
import { InorderError, messageOf } from '../errors.js';
import type { Log } from '../observe/log.js';
import type { GroupBatch, GroupSourceOptions } from './group-contract.js';
import { API, type KafkajsFetch, type KafkajsProtocol } from './kafkajs-seams.js';
import type { Positions } from './positions.js';
import { ChecksumError, readRecords, type RecordsRead } from './read-records.js';
import { type FetchedPartition, type FetchResponse, readFetchResponse } from './wire.js';

/** What `decodeFetch` makes of a Fetch response; kafkajs reads the throttle time of it. */
export interface FetchAnswer {
  readonly clientSideThrottleTime: number;
  readonly response: FetchResponse;
}

/** Lets our decoder read Fetch responses; for `Equipment.protocol`. */
export function decodeFetch(apiKey: number, protocol: KafkajsProtocol): KafkajsProtocol {
  if (apiKey !== API.fetch) return protocol;
  return (args) => {
    const made = protocol(args);
    const decode = (payload: Buffer): Promise<FetchAnswer> => {
      const response = readFetchResponse(payload, made.request.apiVersion);
      return Promise.resolve({ clientSideThrottleTime: response.throttleMs, response });
    };
    return { ...made, response: { decode, parse: (data: unknown) => Promise.resolve(data) } };
  };
}

export interface FetcherEvents {
  batch(batch: GroupBatch): void;
  passed(passed: { topic: string; partition: number; nextOffset: number }): void;
  fatal(error: unknown): void;
  /** The leaders may have changed. */
  refreshMetadata(): Promise<void>;
}

/** What kafkajs gets to see of a fetch. */
const NOTHING = { responses: [] } as const;
const OFFSET_OUT_OF_RANGE = 1;
const TOPIC_AUTHORIZATION_FAILED = 29;
const DEFAULT_MAX_BATCH_BYTES = 128 * 1_048_576;
const DEFAULT_MAX_BATCH_RECORDS = 500_000;
/** A partition that is resumed waits for the fetch of the others no longer than this. */
const RESUME_LATENCY_MS = 10;
const RETRY_MS = 200;
/**
 * A broker answers as soon as it has one record; asking again at once would cost it and us a request a record. Fetches
 * that bring little keep this distance; it costs a message 5 ms on average and spares most of the requests.
 */
const PACE_MS = 10;
const LITTLE_BYTES = 32 * 1024;
const DAMAGED_RETRY_MS = 1_000;

interface Asked {
  readonly generation: number;
  readonly topics: KafkajsFetch['topics'];
  readonly offsets: ReadonlyMap<string, number>;
}

/** Takes over each fetch that kafkajs makes: asks for what `Positions` wants, decodes, hands out, moves on. */
export class PartitionFetcher {
  #over = false;
  #wake: AbortController | null = null;
  #somePaused = false;
  /** When the next fetch may be sent, on the monotonic clock. */
  #nextFetchMs = 0;

  constructor(
    readonly options: GroupSourceOptions,
    readonly positions: Positions,
    readonly log: Log,
    readonly events: FetcherEvents,
  ) {}

  /** In place of a broker's `fetch`. @throws what kafkajs throws, for kafkajs to recover from */
  async fetch(request: KafkajsFetch, send: (request: KafkajsFetch) => Promise<FetchAnswer>): Promise<typeof NOTHING> {
    const paceMs = this.#nextFetchMs - systemClock.monotonicMs();
    if (paceMs > 0) await this.#idle(paceMs);
    const asked = this.#select(request);
    if (this.#over || asked.topics.length === 0) {
      await this.#idle(Math.min(this.options.heartbeatIntervalMs / 3, 500));
      return NOTHING;
    }
    const { maxWaitMs } = this.options;
    const maxWaitTime = this.#somePaused ? Math.min(maxWaitMs, RESUME_LATENCY_MS) : maxWaitMs;
    const sentMs = systemClock.monotonicMs();
    const { response } = await send({ ...request, maxWaitTime, topics: asked.topics });
    const byteLength = response.partitions.reduce((sum, { bytes }) => sum + bytes.length, 0);
    this.#nextFetchMs = byteLength < LITTLE_BYTES ? sentMs + PACE_MS : 0;
    await this.#take(response, asked);
    return NOTHING;
  }

  wake(): void {
    this.#wake?.abort();
  }

  stop(): void {
    this.#over = true;
    this.wake();
  }

  /** A method, so that the compiler asks again after each await. */
  #isOver(): boolean {
    return this.#over;
  }

  async #idle(ms: number): Promise<void> {
    this.#wake ??= new AbortController();
    const wake = this.#wake;
    await systemClock.sleep(ms, wake.signal);
    if (this.#wake === wake) this.#wake = null;
  }

  #select(request: KafkajsFetch): Asked {
    const offsets = new Map<string, number>();
    let asked = 0;
    const topics = request.topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.flatMap((one) => {
        asked += 1;
        const offset = this.positions.wanted(topic, one.partition, Number(one.fetchOffset));
        if (offset === null) return [];
        offsets.set(placeName(topic, one.partition), offset);
        return [{ ...one, fetchOffset: String(offset) }];
      }),
    }));
    this.#somePaused = offsets.size < asked;
    return {
      generation: this.positions.generation,
      topics: topics.filter(({ partitions }) => partitions.length > 0),
      offsets,
    };
  }

  async #take({ partitions, errorCode }: FetchResponse, asked: Asked): Promise<void> {
    let someFailed = errorCode !== 0;
    for (const fetched of partitions) {
      const fromOffset = asked.offsets.get(placeName(fetched.topic, fetched.partition));
      if (fromOffset === undefined) continue;
      if (!this.#isExpected(fetched, asked.generation, fromOffset)) continue; // paused, sought or lost meanwhile
      if (fetched.errorCode === 0) await this.#hand(fetched, asked.generation, fromOffset);
      else if (this.#isFatal(fetched, fromOffset)) return;
      else someFailed = true;
    }
    if (!someFailed || this.#isOver()) return;
    // A leader has moved, say. kafkajs would make the whole group rejoin for that.
    this.log.debug('fetch refused', { errorCode, partitions: partitions.filter((one) => one.errorCode !== 0).length });
    await this.#idle(RETRY_MS);
    if (!this.#isOver()) await this.events.refreshMetadata();
  }

  async #hand(fetched: FetchedPartition, generation: number, fromOffset: number): Promise<void> {
    const { topic, partition, highWatermark } = fetched;
    const read = await this.#read(fetched, fromOffset);
    if (read === null || !this.#isExpected(fetched, generation, fromOffset)) return; // decompression takes its time
    this.positions.advance(topic, partition, read.nextOffset);
    const { records, undecodable, byteLength, nextOffset } = read;
    const unreadable = undecodable[0];
    if (unreadable !== undefined && this.options.onUndecodable !== 'hand_out') {
      this.events.fatal(new InorderError('kafka_failed', `partition ${partition} of ${topic}: ${unreadable.reason}`));
    } else if (records.length > 0 || undecodable.length > 0) {
      this.events.batch({ topic, partition, records, byteLength, highWatermark, nextOffset, undecodable });
    } else if (nextOffset > fromOffset) {
      this.events.passed({ topic, partition, nextOffset });
    }
  }

  #isExpected({ topic, partition }: FetchedPartition, generation: number, fromOffset: number): boolean {
    return !this.#over && this.positions.expects(topic, partition, generation, fromOffset);
  }

  /** Null when the bytes arrived damaged: they are asked for again. */
  async #read(fetched: FetchedPartition, fromOffset: number): Promise<RecordsRead | null> {
    const { topic, partition, aborted, bytes } = fetched;
    const { readUncommitted, maxBatchBytes, maxBatchRecords } = this.options;
    try {
      return await readRecords(
        { topic, partition, fromOffset, bytes, aborted: readUncommitted === true ? [] : aborted },
        {
          maxBatchBytes: maxBatchBytes ?? DEFAULT_MAX_BATCH_BYTES,
          maxBatchRecords: maxBatchRecords ?? DEFAULT_MAX_BATCH_RECORDS,
        },
      );
    } catch (error) {
      if (error instanceof ChecksumError) {
        this.log.error('damaged record batch', { topic, partition, reason: error.message });
        await this.#idle(DAMAGED_RETRY_MS);
      } else {
        this.events.fatal(
          new InorderError('kafka_failed', `partition ${partition} of ${topic} cannot be read: ${messageOf(error)}`, {
            cause: error,
          }),
        );
      }
      return null;
    }
  }

  #isFatal({ topic, partition, errorCode }: FetchedPartition, fromOffset: number): boolean {
    if (errorCode === OFFSET_OUT_OF_RANGE) {
      this.events.fatal(
        new InorderError(
          'kafka_failed',
          `offset ${fromOffset} of partition ${partition} of ${topic} is not in its log: its records were deleted ` +
            `before group ${this.options.groupId} read them, or the topic was made anew`,
        ),
      );
      return true;
    }
    if (errorCode === TOPIC_AUTHORIZATION_FAILED) {
      this.events.fatal(new InorderError('kafka_failed', `this user may not read ${topic}`));
      return true;
    }
    return false;
  }
}

function placeName(topic: string, partition: number): string {
  return `${partition}/${topic}`;
}
