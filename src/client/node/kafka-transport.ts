import { KafkaAdmin } from '../../kafka/admin.js';
import { openKafka } from '../../kafka/connection.js';
import type { KafkaOptions } from '../../kafka/options.js';
import { partitionOf } from '../../kafka/partitioner.js';
import { PlainProducer } from '../../kafka/plain-producer.js';
import { InorderError } from '../../errors.js';
import { silentLog, type Log } from '../../observe/log.js';
import { conversationIdOf } from '../../protocol/conversation-id.js';
import { topicNames } from '../../protocol/topics.js';
import type { OutgoingRecord } from '../../record.js';
import type { OutgoingEnvelope } from '../envelope.js';
import type { Transport } from '../sender.js';

export interface KafkaTransportOptions {
  readonly kafka: KafkaOptions;
  /** The topic is `<topicPrefix>.ingest`; `im` unless given. */
  readonly topicPrefix?: string;
  readonly log?: Log;
}

/** A transport that writes to `im.ingest`, for senders that reach Kafka: backends, bots, gateways. */
export interface KafkaTransport {
  /** For any number of senders. Rejects with an InorderError. */
  readonly send: Transport;
  /** Waits for what was begun (bounded), and disconnects. Never rejects. */
  close(): Promise<void>;
}

/** Envelopes of one request, at most. */
const MAX_BATCH = 500;

interface Waiting {
  readonly record: OutgoingRecord;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** @throws InorderError kafka_unavailable | topic_mismatch: the ingest topic is not there */
export async function openKafkaTransport(options: KafkaTransportOptions): Promise<KafkaTransport> {
  const kafka = openKafka(options.kafka, options.log ?? silentLog);
  const topic = topicNames(options.topicPrefix ?? 'im').ingest;
  const partitions = await countPartitions(new KafkaAdmin(kafka), topic);
  const batches = new Batches(new PlainProducer(kafka));
  return {
    send: (envelope) => batches.add(recordOf(envelope, topic, partitions)),
    close: () => batches.close(),
  };
}

async function countPartitions(admin: KafkaAdmin, topic: string): Promise<number> {
  try {
    const found = (await admin.describeTopics([topic])).get(topic);
    if (found !== undefined) return found.partitions;
  } finally {
    await admin.close();
  }
  throw new InorderError('topic_mismatch', `Kafka has no topic ${topic}; \`inorder topics\` creates it`);
}

/** Keyed by conversation, so that what one conversation's senders wrote stays in one partition, in order. */
function recordOf(envelope: OutgoingEnvelope, topic: string, partitions: number): OutgoingRecord {
  const { senderId, receiverId, groupId } = envelope;
  const key = Buffer.from(conversationIdOf(senderId, receiverId ?? null, groupId ?? null), 'utf8');
  const value = Buffer.from(JSON.stringify(envelope), 'utf8');
  return { topic, partition: partitionOf(key, partitions), key, value, headers: {} };
}

/** What comes while a request is on its way leaves in the next one. */
class Batches {
  readonly #producer: PlainProducer;
  readonly #waiting: Waiting[] = [];
  #isSending = false;

  constructor(producer: PlainProducer) {
    this.#producer = producer;
  }

  add(record: OutgoingRecord): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ record, resolve, reject });
      if (!this.#isSending) void this.#sendAll();
    });
  }

  async close(): Promise<void> {
    await this.#producer.close();
  }

  async #sendAll(): Promise<void> {
    this.#isSending = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, MAX_BATCH);
      try {
        await this.#producer.send(batch.map(({ record }) => record));
        for (const { resolve } of batch) resolve();
      } catch (error) {
        // Unknown which of them are written: the senders send them again, and what is there twice is dropped.
        await this.#producer.reset();
        for (const { reject } of batch) reject(error);
      }
    }
    this.#isSending = false;
  }
}
