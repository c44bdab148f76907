import { afterAll, beforeAll } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { testServers } from './servers.js';
import { topicSpecs } from '../../src/config/topics.js';
import { KafkaAdmin } from '../../src/kafka/admin.js';
import { openKafka, type KafkaConnection } from '../../src/kafka/connection.js';
import { GroupSource } from '../../src/kafka/group-source.js';
import type { KafkaOptions } from '../../src/kafka/options.js';
import { PlainProducer } from '../../src/kafka/plain-producer.js';
import { silentLog } from '../../src/observe/log.js';
import { topicNames, type TopicNames } from '../../src/protocol/topics.js';
import type { KafkaRecord, OutgoingRecord } from '../../src/record.js';

/** The four topics, of one test's own. */
export interface PipelineTopics {
  readonly prefix: string;
  /** A consumer group of this test's own. */
  readonly groupId: string;
  readonly topics: TopicNames;
  readonly options: KafkaOptions;
  readonly kafka: KafkaConnection;
  readonly admin: KafkaAdmin;
  produce(records: readonly OutgoingRecord[]): Promise<void>;
  /** Everything in a topic, read committed, by partition and in order. */
  readAll(topic: string): Promise<KafkaRecord[]>;
  /** How many records of a topic the test's group has yet to commit. */
  lagOf(topic: string): Promise<number>;
  /** Closes the connections and deletes group and topics. */
  drop(): Promise<void>;
}

/** Topics for each test that asks; dropped after the file's tests. */
export function pipelineTopics(): (partitions: number) => Promise<PipelineTopics> {
  const made: PipelineTopics[] = [];
  let options: KafkaOptions | null = null;
  beforeAll(() => {
    options = { brokers: testServers().brokers, ssl: false, sasl: null, clientId: 'inorder-test' };
  });
  afterAll(async () => {
    for (const topics of made) await topics.drop();
  });
  return async (partitions) => {
    if (options === null) throw new Error('topics can be made from beforeAll on');
    const topics = await makeTopics(options, partitions);
    made.push(topics);
    return topics;
  };
}

async function makeTopics(options: KafkaOptions, partitions: number): Promise<PipelineTopics> {
  const prefix = `t${randomBytes(6).toString('hex')}`;
  const topics = topicNames(prefix);
  const groupId = `${prefix}.group`;
  const kafka = openKafka(options, silentLog);
  const admin = new KafkaAdmin(kafka);
  const producer = new PlainProducer(kafka);
  await admin.ensureTopics(topicSpecs({ topics, partitions, maxValueBytes: 262_144 }));
  return {
    prefix,
    groupId,
    topics,
    options,
    kafka,
    admin,
    produce: (records) => producer.send(records),
    readAll: (topic) => readAll(kafka, admin, topic),
    lagOf: async (topic) => {
      let lag = 0;
      for (const [partition, { endOffset }] of await admin.logRanges(topic)) {
        lag += endOffset - ((await admin.committed(groupId, topic, partition))?.nextOffset ?? 0);
      }
      return lag;
    },
    drop: async () => {
      await producer.close();
      await admin.deleteGroup(groupId);
      await admin.deleteTopics(Object.values(topics));
      await admin.close();
    },
  };
}

async function readAll(kafka: KafkaConnection, admin: KafkaAdmin, topic: string): Promise<KafkaRecord[]> {
  const groupId = `t${randomBytes(6).toString('hex')}.reader`;
  const open = new Map<number, number>();
  for (const [partition, { startOffset, endOffset }] of await admin.logRanges(topic)) {
    if (endOffset > startOffset) open.set(partition, endOffset);
  }
  const records: KafkaRecord[] = [];
  if (open.size === 0) return records;
  let end!: () => void;
  let fail!: (error: Error) => void;
  const ended = new Promise<void>((resolve, reject) => {
    end = resolve;
    fail = reject;
  });
  const reached = ({ partition, nextOffset }: { partition: number; nextOffset: number }): void => {
    if (nextOffset >= (open.get(partition) ?? Infinity)) open.delete(partition);
    if (open.size === 0) end();
  };
  const source = new GroupSource(
    kafka,
    {
      ...{ groupId, topics: [topic], fromBeginning: true, startPaused: false },
      ...{ sessionTimeoutMs: 6_000, heartbeatIntervalMs: 500, rebalanceTimeoutMs: 10_000 },
      ...{ maxWaitMs: 20, maxBytesPerPartition: 1024 * 1024, maxBytes: 8 * 1024 * 1024 },
    },
    {
      onAssigned: () => undefined,
      onBatch: (batch) => {
        records.push(...batch.records);
        reached(batch);
      },
      onPassed: reached,
      onFatal: fail,
    },
    silentLog,
  );
  await source.start();
  await ended;
  await source.stop();
  await admin.deleteGroup(groupId);
  return records.sort((a, b) => a.partition - b.partition || a.offset - b.offset);
}
