import kafkajs, { type Admin } from 'kafkajs';
import { systemClock } from '../clock/clock.js';
import { InorderError } from '../errors.js';
import { invariant } from '../invariant.js';
import type { KafkaConnection } from './connection.js';
import { within } from './deadline.js';
import { failureOf, isOutage, protocolErrorOf } from './failure.js';
import type { KafkajsClient } from './kafkajs-seams.js';
import { LIMITS, PATIENT_RETRY } from './options.js';

export interface TopicSpec {
  readonly name: string;
  readonly partitions: number;
  /** Topic settings in Kafka's names, `message.timestamp.type` for one. The replication factor is the brokers'. */
  readonly config: Readonly<Record<string, string>>;
}

export interface CommittedOffset {
  readonly nextOffset: number;
  /** What was committed with it; null when that was nothing. */
  readonly metadata: string | null;
}

export interface LogRange {
  /** The first offset that is still there. */
  readonly startOffset: number;
  /** The offset after the last record that a read_committed reader may see (the last stable offset). */
  readonly endOffset: number;
}

const RETRY_MS = 100;
const LET_GO_MS = 1_000;
const VISIBLE_LIMIT_MS = 20_000;

/**
 * Topics, offsets and groups. Connects at the first call. Every method repeats what failed for want of a broker, for
 * about 10 s in all. @throws InorderError kafka_unavailable (naming the brokers), topic_mismatch, kafka_failed
 */
export class KafkaAdmin {
  readonly #kafka: KafkaConnection;
  #open: { client: KafkajsClient; admin: Admin; connected: Promise<void> } | null = null;

  constructor(kafka: KafkaConnection) {
    this.#kafka = kafka;
  }

  /**
   * Creates the topics that are missing and returns when every one is there with a leader for each partition. Another
   * process may be creating them at the same time. Existing topics are left as they are.
   */
  async ensureTopics(specs: readonly TopicSpec[]): Promise<{ created: string[] }> {
    const names = specs.map(({ name }) => name);
    const before = await this.describeTopics(names);
    const created: string[] = [];
    for (const spec of specs) {
      if (before.has(spec.name)) continue;
      const made = await this.#run(`create topic ${spec.name}`, (admin) => createTopic(admin, spec));
      if (made) created.push(spec.name);
    }
    await this.#untilVisible(names);
    return { created };
  }

  /** What exists of these topics; a missing one is absent from the answer. */
  async describeTopics(names: readonly string[]): Promise<Map<string, { partitions: number }>> {
    const found = new Map<string, { partitions: number }>();
    for (const name of names) {
      const leaders = await this.#leadersOf(name);
      if (leaders !== null) found.set(name, { partitions: leaders.length });
    }
    return found;
  }

  /**
   * The group's committed position, null if there is none. Right after a commit the coordinator may still answer the
   * position before; after fencing the lane's producer it does not.
   */
  async committed(groupId: string, topic: string, partition: number): Promise<CommittedOffset | null> {
    const found = (await this.committedPositions(groupId, topic)).get(partition);
    if (found === undefined) throw new InorderError('topic_mismatch', `topic ${topic} has no partition ${partition}`);
    return found;
  }

  /** The group's committed positions by partition, null where there is none. */
  async committedPositions(groupId: string, topic: string): Promise<Map<number, CommittedOffset | null>> {
    const answer = await this.#run(`read the offsets of group ${groupId}`, (admin) =>
      admin.fetchOffsets({ groupId, topics: [topic] }),
    );
    const found = answer[0]?.partitions ?? [];
    return new Map(
      found.map(({ partition, offset, metadata }) => {
        const nextOffset = safeOffset(offset);
        return [partition, nextOffset < 0 ? null : { nextOffset, metadata }];
      }),
    );
  }

  async logRange(topic: string, partition: number): Promise<LogRange> {
    const range = (await this.logRanges(topic)).get(partition);
    if (range === undefined) throw new InorderError('topic_mismatch', `topic ${topic} has no partition ${partition}`);
    return range;
  }

  /** By partition. */
  async logRanges(topic: string): Promise<Map<number, LogRange>> {
    const offsets = await this.#run(`read the offsets of ${topic}`, (admin) => admin.fetchTopicOffsets(topic));
    return new Map(
      offsets
        .map(({ partition, low, high }) => [partition, low, high] as const)
        .sort(([a], [b]) => a - b)
        .map(([partition, low, high]) => [partition, { startOffset: safeOffset(low), endOffset: safeOffset(high) }]),
    );
  }

  /** The brokers that are there now. */
  async cluster(): Promise<{ clusterId: string; nodeIds: number[] }> {
    const { clusterId, brokers } = await this.#run('describe the cluster', (admin) => admin.describeCluster());
    return { clusterId, nodeIds: brokers.map(({ nodeId }) => nodeId) };
  }

  /** The settings in force, in Kafka's names; what the broker keeps to itself is absent. */
  async settingsOf(of: { topic: string } | { nodeId: number }): Promise<Map<string, string>> {
    const isTopic = 'topic' in of;
    const name = isTopic ? of.topic : String(of.nodeId);
    const type = isTopic ? kafkajs.ConfigResourceTypes.TOPIC : kafkajs.ConfigResourceTypes.BROKER;
    const { resources } = await this.#run(`read the settings of ${isTopic ? 'topic' : 'broker'} ${name}`, (admin) =>
      admin.describeConfigs({ includeSynonyms: false, resources: [{ type, name }] }),
    );
    const entries = resources[0]?.configEntries ?? [];
    return new Map(entries.map(({ configName, configValue }) => [configName, configValue]));
  }

  /** Copies of each record, and how many of them keep up: of the topic's partition that is worst off. */
  async replication(topic: string): Promise<{ replicas: number; inSync: number }> {
    const { topics } = await this.#run(`describe topic ${topic}`, (admin) =>
      admin.fetchTopicMetadata({ topics: [topic] }),
    );
    const partitions = topics[0]?.partitions ?? [];
    return {
      replicas: Math.min(...partitions.map(({ replicas }) => replicas.length)),
      inSync: Math.min(...partitions.map(({ isr }) => isr.length)),
    };
  }

  /** How many members a group has. */
  async memberCount(groupId: string): Promise<number> {
    const { groups } = await this.#run(`describe group ${groupId}`, (admin) => admin.describeGroups([groupId]));
    return groups[0]?.members.length ?? 0;
  }

  /** Deletes a group without members, and its offsets. One that is not there counts as deleted. */
  async deleteGroup(groupId: string): Promise<void> {
    await this.#run(`delete group ${groupId}`, async (admin) => {
      try {
        await admin.deleteGroups([groupId]);
      } catch (error) {
        if (!isGroupMissing(error)) throw error;
      }
    });
  }

  /**
   * Topics that are not there count as deleted, also where a broker still lists them, or somebody else is deleting them.
   * A request each: of several topics in one, kafkajs tells the first refusal only, whichever topic's it was.
   */
  async deleteTopics(names: readonly string[]): Promise<void> {
    for (const name of (await this.describeTopics(names)).keys()) {
      await this.#run(`delete ${name}`, async (admin) => {
        try {
          await admin.deleteTopics({ topics: [name] });
        } catch (error) {
          if (protocolErrorOf(error) !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error;
        }
      });
    }
  }

  /** Never rejects; may be called twice. A later call of another method connects again. */
  async close(): Promise<void> {
    const open = this.#open;
    this.#open = null;
    if (open === null) return;
    await within(open.admin.disconnect(), LET_GO_MS);
    open.client.kill();
  }

  /** The leader of each partition, −1 where there is none; null if the topic does not exist. */
  async #leadersOf(topic: string): Promise<number[] | null> {
    return this.#run(`describe topic ${topic}`, async (admin) => {
      try {
        const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
        return topics[0]?.partitions.map(({ leader }) => leader) ?? null;
      } catch (error) {
        if (protocolErrorOf(error) === 'UNKNOWN_TOPIC_OR_PARTITION') return null;
        throw error;
      }
    });
  }

  async #untilVisible(names: readonly string[]): Promise<void> {
    const giveUpAt = systemClock.monotonicMs() + VISIBLE_LIMIT_MS;
    for (const name of names) {
      for (;;) {
        const leaders = await this.#leadersOf(name);
        if (leaders !== null && leaders.length > 0 && leaders.every((leader) => leader >= 0)) break;
        if (systemClock.monotonicMs() > giveUpAt) {
          throw new InorderError(
            'kafka_unavailable',
            `topic ${name} was created, but not all partitions have a leader`,
          );
        }
        await systemClock.sleep(RETRY_MS);
      }
    }
  }

  async #run<T>(doing: string, work: (admin: Admin) => Promise<T>): Promise<T> {
    const giveUpAt = systemClock.monotonicMs() + LIMITS.unreachableMs;
    for (;;) {
      const open = (this.#open ??= this.#connect());
      const outcome = await within(
        open.connected.then(() => work(open.admin)),
        Math.max(giveUpAt - systemClock.monotonicMs(), LIMITS.connectMs),
      );
      if (outcome.kind === 'done') return outcome.value;
      const error: unknown = outcome.kind === 'failed' ? unwrapped(outcome.error) : this.#noAnswer(doing);
      const mayPass = isOutage(error) && protocolErrorOf(error) !== 'UNKNOWN_TOPIC_OR_PARTITION';
      if (mayPass) this.#drop(open);
      if (!mayPass || systemClock.monotonicMs() > giveUpAt) {
        throw failureOf(error, doing, this.#kafka.options.brokers);
      }
      await systemClock.sleep(RETRY_MS);
    }
  }

  #noAnswer(doing: string): InorderError {
    const brokers = this.#kafka.options.brokers.join(', ');
    return new InorderError('kafka_unavailable', `could not ${doing}: no answer from Kafka at ${brokers}`);
  }

  #connect(): { client: KafkajsClient; admin: Admin; connected: Promise<void> } {
    const client = this.#kafka.openClient({});
    const admin = client.kafka.admin({ retry: { ...PATIENT_RETRY, retries: 1 } }); // `#run` repeats
    const connected = admin.connect();
    connected.catch(() => undefined); // whoever waits for it hears of it
    return { client, admin, connected };
  }

  #drop(open: { client: KafkajsClient }): void {
    open.client.kill();
    if (this.#open === open) this.#open = null;
  }
}

/** Returns false when another process was faster. */
async function createTopic(admin: Admin, { name, partitions, config }: TopicSpec): Promise<boolean> {
  return admin.createTopics({
    topics: [
      {
        topic: name,
        numPartitions: partitions,
        replicationFactor: -1,
        configEntries: Object.entries(config).map(([key, value]) => ({ name: key, value })),
      },
    ],
    waitForLeaders: false,
    timeout: LIMITS.produceAckMs,
  });
}

function safeOffset(text: string): number {
  const offset = Number(text);
  invariant(Number.isSafeInteger(offset), `offset ${text} is a safe integer`);
  return offset;
}

/** kafkajs gathers the errors of several topics or groups in one; the first one says what is wrong. */
function unwrapped(error: unknown): unknown {
  const several = (error as { errors?: unknown; groups?: { error?: unknown }[] } | null) ?? {};
  if (Array.isArray(several.errors) && several.errors.length > 0) return several.errors[0];
  return several.groups?.[0]?.error ?? error;
}

function isGroupMissing(error: unknown): boolean {
  return protocolErrorOf(unwrapped(error)) === 'GROUP_ID_NOT_FOUND';
}
