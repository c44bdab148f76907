import type { Producer } from 'kafkajs';
import { InorderError } from '../errors.js';
import type { Log } from '../observe/log.js';
import type { OutgoingRecord } from '../record.js';
import type { KafkaConnection } from './connection.js';
import { within } from './deadline.js';
import { failureOf } from './failure.js';
import type { KafkajsClient } from './kafkajs-seams.js';
import { PATIENT_RETRY } from './options.js';
import { groupRecords, type RecordGroup } from './record-groups.js';
import { encodeProduce, noPartitioner, sendGroups, type WrittenRange } from './send-groups.js';

const LET_GO_MS = 2_000;

/**
 * An idempotent producer without transactions: what `send` resolved is written once, in the order given per partition.
 *
 * kafkajs gives concurrent sends the same sequence numbers, and the broker then drops one as a repetition of the
 * other: sends are queued here, one at a time. What threw has an unknown outcome, and a new batch under the old
 * numbers could be dropped too: the producer refuses until `reset`, which begins a new identity. The caller sends
 * again from its committed position; a message may then be there twice, never not at all.
 */
export class PlainProducer {
  readonly #kafka: KafkaConnection;
  readonly #log: Log;
  readonly #onWritten: (range: WrittenRange) => void;
  #open: { client: KafkajsClient; producer: Producer; connected: boolean } | null = null;
  #state: 'usable' | 'poisoned' | 'closed' = 'usable';
  #last: Promise<void> = Promise.resolve();

  /**
   * @param onWritten told where acknowledged records lie, before `send` resolves. Of a `send` that fails it is told of
   * the requests before the failure; what it throws fails the send.
   */
  constructor(
    kafka: KafkaConnection,
    log: Log = kafka.log,
    onWritten: (range: WrittenRange) => void = () => undefined,
  ) {
    this.#kafka = kafka;
    this.#log = log;
    this.#onWritten = onWritten;
  }

  /**
   * Resolves when all in-sync replicas have every record. Connects at the first call. @throws InorderError
   * kafka_unavailable or kafka_failed: unknown which records are written; kafka_failed without sending anything while
   * an earlier failure awaits `reset`
   */
  send(records: readonly OutgoingRecord[]): Promise<void> {
    const requests = groupRecords(records);
    const turn = this.#last.then(() => this.#sendNow(requests));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** Forgets the old producer with everything it may have in flight; the next `send` begins a new one. */
  async reset(): Promise<void> {
    this.#open?.client.kill();
    await this.#last;
    this.#open?.client.kill();
    this.#open = null;
    if (this.#state === 'poisoned') this.#state = 'usable';
  }

  /** Waits for sends that were begun (bounded), then disconnects. Never rejects; may be called twice. */
  async close(): Promise<void> {
    await within(this.#last, LET_GO_MS);
    this.#state = 'closed';
    const open = this.#open;
    this.#open = null;
    if (open === null) return;
    await within(open.producer.disconnect(), LET_GO_MS);
    open.client.kill();
  }

  async #sendNow(requests: readonly (readonly RecordGroup[])[]): Promise<void> {
    this.#assertUsable();
    this.#open ??= this.#begin();
    try {
      if (!this.#open.connected) await this.#open.producer.connect();
      this.#open.connected = true;
      for (const groups of requests) {
        const written = await sendGroups(this.#open.producer, groups, this.#kafka.onBrokerTime);
        written.forEach(this.#onWritten);
      }
    } catch (error) {
      this.#poison();
      const failure = failureOf(error, `write ${placesOf(requests)}`, this.#kafka.options.brokers);
      this.#log.debug('send failed', { reason: failure.message });
      throw failure;
    }
  }

  #assertUsable(): void {
    if (this.#state === 'usable') return;
    throw new InorderError('kafka_failed', `could not send: the producer is ${this.#state}`);
  }

  #poison(): void {
    if (this.#state === 'usable') this.#state = 'poisoned';
  }

  #begin(): { client: KafkajsClient; producer: Producer; connected: boolean } {
    const client = this.#kafka.openClient({ protocol: encodeProduce });
    const producer = client.kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: noPartitioner,
      retry: PATIENT_RETRY,
    });
    return { client, producer, connected: false };
  }
}

function placesOf(requests: readonly (readonly RecordGroup[])[]): string {
  const topics = new Set(requests.flat().map(({ topic }) => topic));
  return `to ${[...topics].join(', ')}`;
}
