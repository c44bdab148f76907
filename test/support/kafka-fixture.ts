import { afterAll, beforeAll } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import kafkajs from 'kafkajs';
import type { Kafka } from 'kafkajs';
import type { InorderError } from '../../src/errors.js';
import { KafkaAdmin } from '../../src/kafka/admin.js';
import { openKafka, type KafkaConnection } from '../../src/kafka/connection.js';
import {
  GroupSource,
  type Assignment,
  type GroupBatch,
  type GroupSourceOptions,
} from '../../src/kafka/group-source.js';
import { API, type Equipment, type KafkajsProtocol } from '../../src/kafka/kafkajs-seams.js';
import { silentLog } from '../../src/observe/log.js';
import type { KafkaRecord, OutgoingRecord } from '../../src/record.js';
import { testServers } from './servers.js';
import { TcpGate } from './tcp-gate.js';

/** A broker for the tests of the kafka room: topics of the file's own, a plain kafkajs beside ours, and a gate. */
export interface KafkaFixture {
  readonly kafka: KafkaConnection;
  readonly admin: KafkaAdmin;
  /** kafkajs as it comes, to be a stranger, or the former self of ours. */
  readonly stranger: Kafka;
  newName(): string;
  newTopic(partitions: number, config?: Readonly<Record<string, string>>): Promise<string>;
  /** A connection through a gate, which also stands where the brokers say they are. Opened; closed after the tests. */
  gated(): Promise<{ gate: TcpGate; kafka: KafkaConnection }>;
  /** Started and stopped by the test; what is still running is stopped after it all. */
  reader(options: ReaderOptions, kafka?: KafkaConnection): Reader;
}

export type ReaderOptions = Partial<GroupSourceOptions> & { readonly topics: readonly string[] };

export const RAW_OPTIONS = { ssl: false, sasl: null, clientId: 'inorder-test' } as const;

/** To be called once at the top of a test file. */
export function kafkaFixture(): KafkaFixture {
  const topics: string[] = [];
  const closers: (() => Promise<void>)[] = [];
  let kafka!: KafkaConnection;
  let admin!: KafkaAdmin;
  let stranger!: Kafka;
  beforeAll(() => {
    const { brokers } = testServers();
    kafka = openKafka({ brokers, ...RAW_OPTIONS }, silentLog);
    admin = new KafkaAdmin(kafka);
    stranger = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING });
  });
  afterAll(async () => {
    for (const close of closers.reverse()) await close();
    await admin.deleteTopics(topics);
    await admin.close();
  });
  const newName = (): string => `t${randomBytes(6).toString('hex')}`;
  return {
    get kafka() {
      return kafka;
    },
    get admin() {
      return admin;
    },
    get stranger() {
      return stranger;
    },
    newName,
    newTopic: async (partitions, config = {}) => {
      const name = newName();
      topics.push(name);
      await admin.ensureTopics([{ name, partitions, config }]);
      await admin.logRanges(name); // answered by the leaders, once they know that they are
      return name;
    },
    gated: async () => {
      const [host, port] = testServers().brokers[0]!.split(':');
      const gate = new TcpGate({ host: host!, port: Number(port) });
      await gate.open();
      closers.push(() => gate.close());
      return { gate, kafka: throughGate(gate) };
    },
    reader: (options, through = kafka) => {
      const reader = new Reader(through, options);
      closers.push(() => reader.source.stop());
      return reader;
    },
  };
}

/** A source that remembers everything it is told. */
export class Reader {
  readonly source: GroupSource;
  readonly groupId: string;
  readonly records: KafkaRecord[] = [];
  readonly batches: GroupBatch[] = [];
  readonly passed: { topic: string; partition: number; nextOffset: number }[] = [];
  readonly assignments: Assignment[] = [];
  readonly fatal: InorderError[] = [];
  /** Called first in `onBatch` and `onAssigned`. */
  onBatch: (batch: GroupBatch) => void = () => undefined;
  onAssigned: (assignment: Assignment) => void = () => undefined;

  constructor(kafka: KafkaConnection, options: ReaderOptions) {
    this.groupId = options.groupId ?? `t${randomBytes(6).toString('hex')}`;
    this.source = new GroupSource(
      kafka,
      {
        ...{ groupId: this.groupId, fromBeginning: true, startPaused: false },
        ...{ sessionTimeoutMs: 6_000, heartbeatIntervalMs: 300, rebalanceTimeoutMs: 10_000, maxWaitMs: 50 },
        ...{ maxBytesPerPartition: 1_048_576, maxBytes: 8_388_608 },
        ...options,
      },
      {
        onAssigned: (assignment) => {
          this.onAssigned(assignment);
          this.assignments.push(assignment);
        },
        onBatch: (batch) => {
          this.onBatch(batch);
          this.batches.push(batch);
          for (const record of batch.records) this.records.push(record);
        },
        onPassed: (passed) => this.passed.push(passed),
        onFatal: (error) => this.fatal.push(error),
      },
      silentLog,
    );
  }

  /** Values as text, in the order in which they came. */
  get values(): (string | null)[] {
    return this.records.map(({ value }) => value?.toString() ?? null);
  }

  /** The partitions of a topic that are owned now. */
  owned(topic: string): readonly number[] {
    return this.assignments.at(-1)?.get(topic) ?? [];
  }
}

export function outgoing(topic: string, partition: number, value: string | Buffer | null): OutgoingRecord {
  return { topic, partition, key: null, value: typeof value === 'string' ? Buffer.from(value) : value, headers: {} };
}

const METADATA = 3;

/** Brokers tell where they are, which is not where the gate is: their answers are changed. */
function throughGate(gate: TcpGate): KafkaConnection {
  const brokers = [`127.0.0.1:${gate.port}`];
  const kafka = openKafka({ brokers, ...RAW_OPTIONS }, silentLog);
  const relocate =
    (protocol: KafkajsProtocol): KafkajsProtocol =>
    (args) => {
      const made = protocol(args);
      const decode = async (payload: Buffer): Promise<unknown> => {
        const answer = (await made.response.decode(payload)) as { brokers: object[] };
        return { ...answer, brokers: answer.brokers.map((one) => ({ ...one, host: '127.0.0.1', port: gate.port })) };
      };
      return { ...made, response: { ...made.response, decode } };
    };
  return {
    ...kafka,
    openClient: (equipment) =>
      kafka.openClient({
        ...equipment,
        protocol: (apiKey, protocol) => {
          const equipped = equipment.protocol?.(apiKey, protocol) ?? protocol;
          return apiKey === METADATA ? relocate(equipped) : equipped;
        },
      }),
  };
}

/** Sends a record batch exactly as given, such as no client would make it. The broker still validates it. */
export async function produceBatch(kafka: KafkaConnection, topic: string, batch: Buffer): Promise<void> {
  const equipment: Equipment = {
    protocol: (apiKey, protocol) => {
      if (apiKey !== API.produce) return protocol;
      return (args) => {
        const made = protocol(args);
        const buffer = produceRequest(topic, batch);
        return { ...made, request: { ...made.request, encode: () => Promise.resolve({ buf: buffer, buffer }) } };
      };
    },
  };
  const client = kafka.openClient(equipment);
  const producer = client.kafka.producer({ createPartitioner: () => () => 0, retry: { retries: 0 } });
  try {
    await producer.connect();
    await producer.send({ topic, messages: [{ value: 'stands for the batch', partition: 0 }] });
  } finally {
    await producer.disconnect();
    client.kill();
  }
}

/** A Produce request (version 3 to 8) with one batch for partition 0. */
function produceRequest(topic: string, batch: Buffer): Buffer {
  const name = Buffer.from(topic);
  const head = Buffer.alloc(2 + 2 + 4 + 4 + 2 + name.length + 4 + 4 + 4);
  let at = head.writeInt16BE(-1, 0);
  at = head.writeInt16BE(-1, at);
  at = head.writeInt32BE(10_000, at);
  at = head.writeInt32BE(1, at);
  at = head.writeInt16BE(name.length, at);
  at += name.copy(head, at);
  at = head.writeInt32BE(1, at);
  at = head.writeInt32BE(0, at);
  head.writeInt32BE(batch.length, at);
  return Buffer.concat([head, batch]);
}
