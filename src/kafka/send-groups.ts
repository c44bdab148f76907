import type { Message, ProducerBatch, RecordMetadata, TopicMessages } from 'kafkajs';
import { systemClock } from '../clock/clock.js';
import { InorderError } from '../errors.js';
import type { OutgoingRecord } from '../record.js';
import type { KafkaConnection } from './connection.js';
import { API, type KafkajsArguments, type KafkajsProtocol } from './kafkajs-seams.js';
import { LIMITS } from './options.js';
import type { RecordGroup } from './record-groups.js';
import { type ProduceTopic, writeProduceRequest } from './wire.js';

/** What a kafkajs producer and a kafkajs transaction have in common. */
export interface BatchSender {
  sendBatch(batch: ProducerBatch): Promise<RecordMetadata[]>;
}

/** Records of one partition that lie behind one another: what a broker acknowledged as one batch. */
export interface WrittenRange {
  readonly topic: string;
  readonly partition: number;
  readonly firstOffset: number;
  readonly count: number;
}

/**
 * Sends one request's groups and returns when every one of them is written, with where they lie. A kafkajs send to several brokers that is
 * retried while a leader moves returns without having sent what moved to a broker that had already answered: so the
 * answers are counted. @throws what kafkajs throws, or InorderError kafka_unavailable: the outcome is unknown then
 */
export async function sendGroups(
  sender: BatchSender,
  groups: readonly RecordGroup[],
  onBrokerTime: KafkaConnection['onBrokerTime'] = () => undefined,
): Promise<WrittenRange[]> {
  const askedMs = systemClock.monotonicMs();
  const written = await sender.sendBatch({
    acks: -1,
    timeout: LIMITS.produceAckMs,
    topicMessages: topicMessagesOf(groups),
  });
  const answeredMs = systemClock.monotonicMs();
  const appendedMs = appendTimeOf(written);
  if (appendedMs !== null)
    onBrokerTime({ source: 'kafka', askedMs, answeredMs, saidMs: appendedMs + HALF_A_MS, ownErrorMs: HALF_A_MS });
  const answered = new Set(written.map(({ topicName, partition }) => `${topicName}/${partition}`));
  const missing = groups.find(({ topic, partition }) => !answered.has(`${topic}/${partition}`));
  if (missing !== undefined) {
    throw new InorderError(
      'kafka_unavailable',
      `no broker confirmed the records for partition ${missing.partition} of ${missing.topic}`,
    );
  }
  return rangesOf(written, groups);
}

/** A batch's records get consecutive offsets. A broker that knows a repeated batch and not where it lies answers -1. */
function rangesOf(written: readonly RecordMetadata[], groups: readonly RecordGroup[]): WrittenRange[] {
  return written.flatMap(({ topicName: topic, partition, baseOffset }) => {
    const firstOffset = Number(baseOffset ?? -1);
    const count = groups.find((group) => group.topic === topic && group.partition === partition)?.records.length ?? 0;
    return firstOffset < 0 || count === 0 ? [] : { topic, partition, firstOffset, count };
  });
}

/** Brokers tell whole milliseconds. */
const HALF_A_MS = 0.5;

/** When a broker appended the records, by its own clock; null where the topic keeps the producer's time. */
function appendTimeOf(written: readonly RecordMetadata[]): number | null {
  const times = written.map(({ logAppendTime }) => Number(logAppendTime ?? -1)).filter((time) => time > 0);
  return times.length === 0 ? null : Math.max(...times);
}

function topicMessagesOf(groups: readonly RecordGroup[]): TopicMessages[] {
  const topics = new Map<string, Record<number, readonly OutgoingRecord[]>>();
  for (const { topic, partition, records } of groups) {
    let grouped = topics.get(topic);
    if (grouped === undefined) topics.set(topic, (grouped = {}));
    grouped[partition] = records;
  }
  return [...topics].map(([topic, grouped]) => ({ topic, messages: alreadyGrouped(grouped) }));
}

/**
 * Stands in for kafkajs' array of messages. kafkajs asks it for one thing: to be reduced to an object of partition →
 * messages. Its own reduction copies a partition's array for every message; this answers with what is grouped.
 */
function alreadyGrouped(grouped: Record<number, readonly OutgoingRecord[]>): Message[] {
  const standIn = { reduce: () => grouped, find: () => undefined };
  return standIn as unknown as Message[];
}

/** Lets our encoder write Produce requests; for `Equipment.protocol`. */
export function encodeProduce(apiKey: number, protocol: KafkajsProtocol): KafkajsProtocol {
  if (apiKey !== API.produce) return protocol;
  return (args) => {
    const made = protocol(args);
    const encode = (): Promise<unknown> => {
      const buffer = produceRequestOf(args as ProduceArguments);
      return Promise.resolve({ buf: buffer, buffer }); // what kafkajs takes from an encoder of its own
    };
    return { ...made, request: { ...made.request, encode } };
  };
}

interface ProduceArguments extends KafkajsArguments {
  readonly transactionalId: string | undefined;
  readonly acks: number;
  readonly timeout: number;
  readonly producerId: string | number;
  readonly producerEpoch: number;
  readonly topicData: readonly {
    topic: string;
    partitions: readonly { partition: number; firstSequence: number; messages: readonly OutgoingRecord[] }[];
  }[];
}

function produceRequestOf(args: ProduceArguments): Buffer {
  const topics: ProduceTopic[] = args.topicData.map(({ topic, partitions }) => ({
    topic,
    partitions: partitions.map(({ partition, firstSequence, messages }) => ({
      partition,
      firstSequence,
      records: messages,
    })),
  }));
  return writeProduceRequest({
    transactionalId: args.transactionalId ?? null,
    acks: args.acks,
    timeoutMs: args.timeout,
    topics,
    producerId: BigInt(args.producerId),
    producerEpoch: args.producerEpoch,
    timestampMs: Date.now(),
  });
}

/** No partitioner is ever asked: every record names its partition. */
export function noPartitioner(): () => number {
  return () => {
    throw new InorderError('invariant_broken', 'a partitioner was asked');
  };
}
