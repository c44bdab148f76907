import { systemClock } from '../../clock/clock.js';
import { InorderError } from '../../errors.js';
import { KafkaAdmin } from '../../kafka/admin.js';
import { openKafka, type KafkaConnection } from '../../kafka/connection.js';
import { GroupSource } from '../../kafka/group-source.js';
import type { KafkaOptions } from '../../kafka/options.js';
import { PlainProducer } from '../../kafka/plain-producer.js';
import type { HealthReport } from '../../observe/health.js';
import { silentLog, type Log } from '../../observe/log.js';
import { silentMetrics, type Metrics } from '../../observe/metrics.js';
import { topicNames, type TopicNames } from '../../protocol/topics.js';
import { DeadLetterWriter } from './dead-letter-writer.js';
import { DeliveryEngine } from './delivery-engine.js';
import type { OnFailure } from './deliver-record.js';
import type { DeliveryHistory } from './history.js';
import { deliveryMetrics } from './metrics.js';
import { fromTheEnd } from './start-position.js';
import { settle, type DeliverySettings, type RetryOptions } from './settings.js';
import type { DeliveryHandler } from './run-handler.js';

export interface DeliveryConsumerOptions {
  readonly kafka: KafkaOptions;
  /** Topics are `<topicPrefix>.delivery` and so on; `im` unless given. */
  readonly topicPrefix?: string;
  /** Consumers of one group share the conversations among them; each group sees every message. */
  readonly groupId: string;
  readonly handler: DeliveryHandler;
  /** Where messages that the topic left out are read from: `postgresHistory(database)`. */
  readonly history?: DeliveryHistory;
  /** Calls of the handler running at once, over all conversations; 16 unless given. */
  readonly concurrency?: number;
  readonly retry?: RetryOptions;
  /** What becomes of a message whose handler fails for good; `dead-letter` unless given. */
  readonly onFailure?: OnFailure;
  /**
   * Where a group that never committed begins: true (unless given) at the first message there is, false with those yet
   * to come.
   */
  readonly fromBeginning?: boolean;
  readonly sessionTimeoutMs?: number;
  readonly heartbeatIntervalMs?: number;
  readonly log?: Log;
  readonly metrics?: Metrics;
  /** Called once when the consumer can't go on; end it, and start a new one or the process. */
  readonly onFatal?: (error: InorderError) => void;
}

/**
 * Reads `im.delivery` and calls a handler for each message: in order and one at a time within a conversation, at the
 * same time across conversations.
 *
 * At least once. The handler sees each `seq` of a conversation after the one before it, and sees a message again only
 * - after a crash, or a stop that ran out of time: what was handled and not yet committed (a quarter of a second, and
 *   whatever lies behind an offset still unfinished, by a slow handler or a halted conversation, in its partition);
 * - after a rebalance, the same for partitions that moved; the former owner's handler may still be running then;
 * - when a call failed after it had its effect.
 * It sees it again as a run: from some earlier `seq` of the conversation on, in order, up to where it was and beyond.
 * `(conversationId, seq)` names a message for ever, so a handler that stores the last `seq` per conversation with its
 * effect, and does nothing for one at or below it, has each effect exactly once.
 *
 * Gaps. A `seq` that the topic left out is read from history first. That shows behind a message of the conversation
 * which this assignment handled: where an assignment begins, the first message it reads is taken for the next one.
 */
export class DeliveryConsumer {
  readonly #options: DeliveryConsumerOptions;
  readonly #settings: DeliverySettings;
  readonly #log: Log;
  #admin: KafkaAdmin | null = null;
  #engine: DeliveryEngine | null = null;
  #state: 'new' | 'started' | 'stopped' = 'new';

  /** Connects nothing. @throws InorderError config_invalid naming the option */
  constructor(options: DeliveryConsumerOptions) {
    this.#options = options;
    this.#settings = settle(options);
    this.#log = (options.log ?? silentLog).child({ groupId: options.groupId });
  }

  /**
   * Resolves once the group was joined. @throws InorderError topic_mismatch where a topic is missing,
   * kafka_unavailable where Kafka can't be reached; nothing is left open then
   */
  async start(): Promise<void> {
    if (this.#state !== 'new') throw new InorderError('usage', 'a DeliveryConsumer can be started once');
    this.#state = 'started';
    const kafka = openKafka(this.#options.kafka, this.#log);
    const admin = new KafkaAdmin(kafka);
    this.#admin = admin;
    try {
      const topics = topicNames(this.#options.topicPrefix ?? 'im');
      const dlqPartitions = await dlqPartitionsOf(admin, topics);
      if (this.#isStopped()) return;
      this.#engine = this.#openEngine(kafka, admin, topics, dlqPartitions);
      await this.#engine.start();
    } catch (error) {
      await admin.close();
      throw error;
    }
  }

  /**
   * Takes no more messages, lets the handlers that run finish, commits, leaves the group. Handlers still running after
   * most of `deadlineMs` have their signal aborted, and their messages are handled again by the next owner.
   */
  async stop(deadlineMs = 10_000): Promise<void> {
    this.#state = 'stopped';
    await this.#engine?.stop(deadlineMs);
    await this.#admin?.close();
  }

  health(): HealthReport {
    return this.#engine?.health() ?? { ready: false, reasons: [`delivery: is ${this.#state}`] };
  }

  #isStopped(): boolean {
    return this.#state === 'stopped';
  }

  #openEngine(kafka: KafkaConnection, admin: KafkaAdmin, topics: TopicNames, dlqPartitions: number): DeliveryEngine {
    const { groupId, handler, history = null, fromBeginning = true } = this.#options;
    const { onFailure = 'dead-letter', metrics = silentMetrics } = this.#options;
    const { source, ...settings } = this.#settings;
    const clock = systemClock;
    const log = this.#log;
    return new DeliveryEngine({
      openSource: (handlers) => {
        return new GroupSource(kafka, { ...source, groupId, topics: [topics.delivery] }, handlers, log);
      },
      startPositions: fromBeginning ? null : fromTheEnd(admin, groupId, topics.delivery),
      deadLetters: new DeadLetterWriter({ producer: new PlainProducer(kafka), clock, log }),
      handler,
      history,
      onFailure,
      topics,
      dlqPartitions,
      ...settings,
      clock,
      log,
      metrics: deliveryMetrics(metrics),
      onFatal: (error) => {
        log.error('delivery ended', { error: error.message });
        this.#options.onFatal?.(error);
      },
    });
  }
}

async function dlqPartitionsOf(admin: KafkaAdmin, { delivery, dlq }: TopicNames): Promise<number> {
  const found = await admin.describeTopics([delivery, dlq]);
  for (const topic of [delivery, dlq]) {
    if (found.has(topic)) continue;
    throw new InorderError('topic_mismatch', `the topic ${topic} does not exist: 'inorder topics' creates it`);
  }
  return found.get(dlq)?.partitions ?? 1;
}
