import { systemClock } from '../clock/clock.js';
import { InorderError } from '../errors.js';
import type { KafkaAdmin } from '../kafka/admin.js';
import { partitionOf } from '../kafka/partitioner.js';
import type { PlainProducer } from '../kafka/plain-producer.js';
import type { TopicNames } from '../protocol/topics.js';
import type { OutgoingRecord, RawRecord } from '../record.js';
import { note } from './output.js';

const PATIENCE_MS = 60_000;
const RETRY_MS = 500;

/** Writes to `im.ingest` as any producer would: by key, with the partitioner that all Kafka clients share. */
export class IngestWriter {
  readonly topic: string;
  readonly partitions: number;
  readonly #producer: PlainProducer;
  #nextKeyless = 0;

  private constructor(topic: string, partitions: number, producer: PlainProducer) {
    this.topic = topic;
    this.partitions = partitions;
    this.#producer = producer;
  }

  /** @throws InorderError topic_mismatch where the topic is missing */
  static async open(admin: KafkaAdmin, producer: PlainProducer, topics: TopicNames): Promise<IngestWriter> {
    const found = (await admin.describeTopics([topics.ingest])).get(topics.ingest);
    if (found === undefined) {
      throw new InorderError('topic_mismatch', `Kafka has no topic ${topics.ingest}; \`inorder topics\` creates it`);
    }
    return new IngestWriter(topics.ingest, found.partitions, producer);
  }

  /** Where a record goes: by its key; without one, in turn. */
  place(record: RawRecord): OutgoingRecord {
    return { ...record, topic: this.topic, partition: this.#partition(record.key) };
  }

  /**
   * Resolves when all of them are acknowledged. While no broker answers they are sent again, as they are, for a
   * minute: what was written twice then is a duplicate to the pipeline. @throws InorderError
   */
  async send(records: readonly OutgoingRecord[]): Promise<void> {
    const giveUpMs = systemClock.monotonicMs() + PATIENCE_MS;
    for (;;) {
      try {
        return await this.#producer.send(records);
      } catch (error) {
        const mayPass = error instanceof InorderError && error.retryable;
        if (!mayPass || systemClock.monotonicMs() > giveUpMs) throw error;
        note(`waiting: ${error.message}`);
        await this.#producer.reset();
        await systemClock.sleep(RETRY_MS);
      }
    }
  }

  #partition(key: Buffer | null): number {
    if (key !== null) return partitionOf(key, this.partitions);
    this.#nextKeyless = (this.#nextKeyless + 1) % this.partitions;
    return this.#nextKeyless;
  }
}
