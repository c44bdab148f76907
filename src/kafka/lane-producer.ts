import type { Producer } from 'kafkajs';
import { systemClock } from '../clock/clock.js';
import { failpoint } from '../failpoint.js';
import { invariant } from '../invariant.js';
import type { OutgoingRecord } from '../record.js';
import type { KafkaConnection } from './connection.js';
import { within } from './deadline.js';
import { failureOf, isFenced, protocolErrorOf } from './failure.js';
import type { Equipment, KafkajsBroker, KafkajsClient } from './kafkajs-seams.js';
import { EAGER_RETRY, NO_RETRY } from './options.js';
import { groupRecords } from './record-groups.js';
import { encodeProduce, noPartitioner, sendGroups } from './send-groups.js';

/**
 * The transactional producer of one lane: everything a lane forwards, with the offset and the watermark, or nothing.
 *
 * Safe because: InitProducerId at the first transaction fences every earlier producer of the same id and settles its
 * open transaction, so `fenceLaneProducer` begins one. A transaction that threw has an unknown outcome, and kafkajs'
 * sequence numbers are then wrong as well (after `abort` the broker drops a replay of the same size as a duplicate):
 * the producer refuses further use, and the next one of the same id settles what is open. Nothing whose answer is
 * missing is asked again: a request that arrives late would find the next transaction of the same epoch, and a send
 * that kafkajs repeats doubles what another broker has yet to answer (NO_RETRY). Records go before the
 * offset; where the broker has not finished the transaction before (CONCURRENT_TRANSACTIONS), the request is repeated
 * here, because kafkajs does so for records only, and with a metadata request each time.
 */
export interface LaneProducerOptions {
  readonly transactionalId: string;
  /** The broker ends a transaction that is open for longer, and fences its producer. */
  readonly transactionTimeoutMs: number;
}

/** Where a lane is, to be committed together with what it forwards. */
export interface GroupPosition {
  readonly groupId: string;
  readonly topic: string;
  readonly partition: number;
  readonly nextOffset: number;
  readonly metadata: string;
}

export interface LaneTransaction {
  /** May be empty: then only the offset moves. */
  readonly records: readonly OutgoingRecord[];
  readonly group: GroupPosition;
}

/** 'fenced': nothing of it will ever be visible. 'unknown': all of it or nothing; the next owner finds out. */
export type TransactOutcome =
  | { readonly kind: 'committed' }
  | { readonly kind: 'fenced'; readonly cause: unknown }
  | { readonly kind: 'unknown'; readonly cause: unknown };

/**
 * A producer that owns its transactional id: no earlier one can write any more. @throws InorderError kafka_unavailable
 * or kafka_failed
 */
export async function fenceLaneProducer(kafka: KafkaConnection, options: LaneProducerOptions): Promise<LaneProducer> {
  const client = kafka.openClient(transactionEquipment());
  const producer = client.kafka.producer({
    transactionalId: options.transactionalId,
    transactionTimeout: options.transactionTimeoutMs,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    createPartitioner: noPartitioner,
    retry: NO_RETRY,
  });
  try {
    await producer.connect();
    const empty = await producer.transaction();
    await empty.abort();
  } catch (error) {
    client.kill();
    throw failureOf(error, `take over transactional id ${options.transactionalId}`, kafka.options.brokers);
  }
  return new LaneProducer(kafka, client, producer);
}

const LET_GO_MS = 500;

/** Made by `fenceLaneProducer` only. One transaction at a time. */
export class LaneProducer {
  #state: 'ready' | 'busy' | 'poisoned' | 'discarded' = 'ready';
  readonly #kafka: KafkaConnection;
  readonly #client: KafkajsClient;
  readonly #producer: Producer;

  constructor(kafka: KafkaConnection, client: KafkajsClient, producer: Producer) {
    this.#kafka = kafka;
    this.#client = client;
    this.#producer = producer;
  }

  /** Whether `transact` may be called. */
  get usable(): boolean {
    return this.#state === 'ready';
  }

  /** Never rejects for anything that Kafka does. @throws InorderError invariant_broken when used while not usable */
  async transact(transaction: LaneTransaction): Promise<TransactOutcome> {
    const { group, records } = transaction;
    invariant(this.#state === 'ready', `a lane producer that is ${this.#state} begins no transaction`);
    invariant(Number.isSafeInteger(group.nextOffset) && group.nextOffset >= 0, `${group.nextOffset} is an offset`);
    const requests = groupRecords(records);
    this.#state = 'busy';
    try {
      if (failpoint !== null) await failpoint('logic.before_forward');
      const open = await this.#producer.transaction();
      for (const request of requests) await sendGroups(open, request, this.#kafka.onBrokerTime);
      if (failpoint !== null) await failpoint('logic.after_produce');
      await open.sendOffsets({ consumerGroupId: group.groupId, topics: [offsetOf(group)] });
      if (failpoint !== null) await failpoint('logic.before_end');
      await open.commit();
      if (failpoint !== null) await failpoint('logic.after_end');
      this.#state = 'ready';
      return { kind: 'committed' };
    } catch (cause) {
      this.#state = 'poisoned';
      return { kind: isFenced(cause) ? 'fenced' : 'unknown', cause };
    }
  }

  /** Lets go of the connection; an open transaction is left to the next owner. Never rejects; may be called twice. */
  async discard(): Promise<void> {
    const clean = this.#state === 'ready';
    this.#state = 'discarded';
    if (clean) await within(this.#producer.disconnect(), LET_GO_MS);
    this.#client.kill();
  }
}

function offsetOf({ topic, partition, nextOffset, metadata }: GroupPosition): {
  topic: string;
  partitions: { partition: number; offset: string; metadata: string }[];
} {
  return { topic, partitions: [{ partition, offset: String(nextOffset), metadata }] };
}

/** See the head of this file, and docs/adr/0002. */
function transactionEquipment(): Equipment {
  const coordinators = new Map<string, KafkajsBroker>();
  return {
    protocol: encodeProduce,
    cluster: (cluster) => {
      cluster.retry = EAGER_RETRY;
      // kafkajs looks a coordinator up four times in each transaction.
      const find = cluster.findGroupCoordinator.bind(cluster);
      cluster.findGroupCoordinator = async (of) => {
        const name = `${of.coordinatorType ?? 0}/${of.groupId}`;
        const known = coordinators.get(name);
        if (known?.isConnected() === true) return known;
        const found = await find(of);
        coordinators.set(name, found);
        return found;
      };
    },
    broker: (broker) => {
      const addPartitions = broker.addPartitionsToTxn.bind(broker);
      const addOffsets = broker.addOffsetsToTxn.bind(broker);
      broker.addPartitionsToTxn = (request) => onceFree(() => addPartitions(request));
      broker.addOffsetsToTxn = (request) => onceFree(() => addOffsets(request));
    },
    requestFailed: (error) => {
      if (protocolErrorOf(error) !== CONCURRENT) coordinators.clear();
    },
  };
}

const CONCURRENT = 'CONCURRENT_TRANSACTIONS';
const FIRST_WAIT_MS = 1;
const LONGEST_WAIT_MS = 50;
const GIVE_UP_MS = 10_000;

/** Asks until the broker has finished the transaction before, which takes it a millisecond or two. */
async function onceFree<T>(ask: () => Promise<T>): Promise<T> {
  const giveUpAt = systemClock.monotonicMs() + GIVE_UP_MS;
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 1.5, LONGEST_WAIT_MS)) {
    try {
      return await ask();
    } catch (error) {
      if (protocolErrorOf(error) !== CONCURRENT || systemClock.monotonicMs() > giveUpAt) throw error;
      await systemClock.sleep(waitMs);
    }
  }
}
