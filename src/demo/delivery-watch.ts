/**
 * Reads the delivery topic as it is, every record of it: a reader that dropped what comes twice would hide what the
 * demo counts. Whoever waits for messages hears when they are there.
 */
import { parseDelivery } from '../protocol/delivery.js';
import type { KafkaConnection } from '../kafka/connection.js';
import type { GroupBatch } from '../kafka/group-contract.js';
import { GroupSource } from '../kafka/group-source.js';
import { InorderError } from '../errors.js';
import type { Log } from '../observe/log.js';
import type { Delivered } from './evidence.js';

export interface DeliveryWatchOptions {
  readonly kafka: KafkaConnection;
  readonly topic: string;
  readonly groupId: string;
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly log: Log;
}

interface Waiter {
  readonly missing: Set<string>;
  readonly done: () => void;
}

const FETCH = { maxWaitMs: 100, maxBytesPerPartition: 1_048_576, maxBytes: 8_388_608 } as const;

export class DeliveryWatch {
  readonly delivered: Delivered[] = [];
  readonly #source: GroupSource;
  readonly #seen = new Set<string>();
  readonly #nextOffset = new Map<number, number>();
  readonly #waiters = new Set<Waiter>();
  #fail!: (error: InorderError) => void;
  readonly #failed = new Promise<never>((_resolve, reject) => (this.#fail = reject));

  constructor({ kafka, topic, log, ...group }: DeliveryWatchOptions) {
    this.#failed.catch(() => undefined); // who waits hears of it
    const options = { ...group, ...FETCH, topics: [topic], fromBeginning: true, startPaused: false };
    this.#source = new GroupSource(
      kafka,
      options,
      {
        onAssigned: () => undefined,
        onBatch: (batch) => this.#take(batch),
        onFatal: (error) => this.#fail(error),
      },
      log,
    );
  }

  /** @throws InorderError kafka_unavailable */
  async start(): Promise<void> {
    await this.#source.start();
  }

  async stop(): Promise<void> {
    await this.#source.stop();
  }

  /**
   * Resolves when all of them were delivered. @throws InorderError kafka_failed: not within the limit, or the reader
   * ended
   */
  async untilDelivered(clientMsgIds: Iterable<string>, limitMs: number): Promise<void> {
    const missing = new Set([...clientMsgIds].filter((id) => !this.#seen.has(id)));
    if (missing.size === 0) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      const complain = (): void => {
        const [one] = missing;
        const what = `${missing.size} of the messages, ${one ?? ''} for one, were not delivered`;
        reject(new InorderError('kafka_failed', `${what} within ${limitMs / 1_000} s`));
      };
      timer = setTimeout(complain, limitMs);
    });
    const arrived = new Promise<void>((done) => this.#waiters.add({ missing, done }));
    try {
      await Promise.race([arrived, late, this.#failed]);
    } finally {
      clearTimeout(timer);
    }
  }

  #take({ partition, records, nextOffset }: GroupBatch): void {
    for (const record of records) {
      // After a rejoin the partition is read from its beginning again.
      if (record.offset < (this.#nextOffset.get(partition) ?? 0)) continue;
      const { conversationId, seq, msgId, senderId, clientMsgId, senderSeq, senderEpoch, sentAt, late, laneEpoch } =
        parseDelivery(record);
      this.delivered.push({
        ...{ conversationId, seq, msgId, senderId, clientMsgId, senderSeq, senderEpoch, sentAt, late, partition },
        laneEpoch: laneEpoch ?? 0,
        readMs: performance.now(),
      });
      this.#seen.add(clientMsgId);
      for (const waiter of this.#waiters) {
        waiter.missing.delete(clientMsgId);
        if (waiter.missing.size > 0) continue;
        this.#waiters.delete(waiter);
        waiter.done();
      }
    }
    this.#nextOffset.set(partition, Math.max(nextOffset, this.#nextOffset.get(partition) ?? 0));
  }
}
