import type { ClockOptions } from '../clock/options.js';
import type { KafkaOptions } from '../kafka/options.js';
import type { ReorderRules } from '../ordering/options.js';
import type { PostgresOptions } from '../postgres/options.js';
import type { FailpointPlan } from '../failpoint.js';
import { topicNames, type TopicNames } from '../protocol/topics.js';
import type { Variables } from './variables.js';

/** A port to listen on, and whether anybody asked for it: a default that is taken gives way to a free one. */
export interface PortChoice {
  readonly port: number;
  readonly isDefault: boolean;
}

/** The environment, validated. Where the servers are may still be open: the running stack tells (addresses.ts). */
export interface Settings {
  readonly brokers: readonly string[] | null;
  readonly kafkaSsl: boolean;
  readonly kafkaSasl: KafkaOptions['sasl'];
  readonly databaseUrl: string | null;
  readonly topics: TopicNames;
  readonly topicPrefix: string;
  /** Of topics that are created. */
  readonly partitions: number;
  /** Whether nobody asked for that number: then what exists is right, whatever it is. */
  readonly partitionsIsDefault: boolean;
  readonly maxValueBytes: number;
  readonly batchMaxRecords: number;
  readonly reorder: ReorderRules;
  readonly pgMaxConnections: number;
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly transactionTimeoutMs: number;
  readonly shutdownTimeoutMs: number;
  readonly httpPort: PortChoice;
  /** Of the embedded servers; null leaves the choice to them. */
  readonly kafkaPort: number | null;
  readonly pgPort: number | null;
  /** Absolute. */
  readonly dataDir: string;
  readonly clock: ClockOptions;
  readonly logLevel: Variables['LOG_LEVEL'];
  /** Null where they are off. */
  readonly failpoints: FailpointPlan | null;
  /** Whether colours are welcome on a terminal. */
  readonly color: boolean;
  /** Where the embedded Kafka's Java is; null looks on the PATH. */
  readonly javaHome: string | null;
}

/** Everything the pipeline needs, servers included. */
export interface Config {
  readonly kafka: KafkaOptions;
  readonly postgres: PostgresOptions;
  readonly topicPrefix: string;
  readonly topics: TopicNames;
  /** Of new topics; what exists is pinned in PostgreSQL. */
  readonly partitions: number;
  readonly maxValueBytes: number;
  readonly batchMaxRecords: number;
  readonly reorder: ReorderRules;
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  /** How long the group waits for its members to join again. */
  readonly rebalanceTimeoutMs: number;
  readonly transactionTimeoutMs: number;
  readonly shutdownTimeoutMs: number;
  readonly clock: ClockOptions;
}

const DEFAULT_PARTITIONS = 8;
const DEFAULT_HTTP_PORT = 8_080;

/** A statement is one batch; one that takes longer than this is stuck, and the lane is taken again. */
const STATEMENT_TIMEOUT_MS = 10_000;
/** A stopped worker must not hold the lane row longer than the group takes to miss it. */
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 5_000;
const CONNECT_TIMEOUT_MS = 5_000;
const MIN_REBALANCE_TIMEOUT_MS = 10_000;
/** Where nothing else comes, a window is over a fifth of it after its deadline: senders rest more often than stages stall. */
const SILENCES_PER_WINDOW = 5;

export function settingsFrom(variables: Variables, surroundings: Pick<Settings, 'color' | 'javaHome'>): Settings {
  return {
    brokers: variables.KAFKA_BROKERS ?? null,
    kafkaSsl: variables.KAFKA_SSL,
    kafkaSasl: saslOf(variables),
    databaseUrl: variables.DATABASE_URL ?? null,
    topics: topicNames(variables.INORDER_TOPIC_PREFIX),
    topicPrefix: variables.INORDER_TOPIC_PREFIX,
    partitions: variables.INORDER_PARTITIONS ?? DEFAULT_PARTITIONS,
    partitionsIsDefault: variables.INORDER_PARTITIONS === undefined,
    maxValueBytes: variables.INORDER_MAX_VALUE_BYTES,
    batchMaxRecords: variables.INORDER_BATCH_MAX_RECORDS,
    reorder: {
      windowMs: variables.INORDER_REORDER_WINDOW_MS,
      silenceMs: Math.ceil(variables.INORDER_REORDER_WINDOW_MS / SILENCES_PER_WINDOW),
      maxPerSender: variables.INORDER_HELD_MAX_PER_SENDER,
      maxCount: variables.INORDER_HELD_MAX_MESSAGES,
      maxBytes: variables.INORDER_HELD_MAX_BYTES,
      resetAfterMs: variables.INORDER_SENDER_RESET_MS,
    },
    pgMaxConnections: variables.INORDER_PG_MAX_CONNECTIONS,
    sessionTimeoutMs: variables.INORDER_SESSION_TIMEOUT_MS,
    heartbeatIntervalMs: variables.INORDER_HEARTBEAT_INTERVAL_MS,
    transactionTimeoutMs: variables.INORDER_TRANSACTION_TIMEOUT_MS,
    shutdownTimeoutMs: variables.INORDER_SHUTDOWN_TIMEOUT_MS,
    httpPort: portChoice(variables.INORDER_HTTP_PORT, DEFAULT_HTTP_PORT),
    kafkaPort: variables.INORDER_KAFKA_PORT ?? null,
    pgPort: variables.INORDER_PG_PORT ?? null,
    dataDir: variables.INORDER_DATA_DIR,
    clock: clockOptions(variables),
    logLevel: variables.LOG_LEVEL,
    failpoints: variables.INORDER_FAILPOINTS ?? null,
    ...surroundings,
  };
}

function saslOf(variables: Variables): KafkaOptions['sasl'] {
  const { KAFKA_SASL_MECHANISM: mechanism, KAFKA_SASL_USERNAME: username, KAFKA_SASL_PASSWORD: password } = variables;
  if (mechanism === undefined || username === undefined || password === undefined) return null;
  return { mechanism, username, password };
}

function clockOptions(variables: Variables): ClockOptions {
  const { INORDER_CLOCK_REFUSE_MS: refuseMs } = variables;
  return {
    ntpServers: variables.INORDER_NTP_SERVERS ?? [],
    limits: {
      warnMs: variables.INORDER_CLOCK_WARN_MS,
      alarmMs: variables.INORDER_CLOCK_ALARM_MS,
      refuseMs: refuseMs === 0 ? null : refuseMs,
    },
  };
}

function portChoice(asked: number | undefined, fallback: number): PortChoice {
  return { port: asked ?? fallback, isDefault: asked === undefined };
}

/** How to reach Kafka, once it is known where it is. `role` names the process in the broker's logs. */
export function kafkaOptions(settings: Settings, brokers: readonly string[], role: string): KafkaOptions {
  return { brokers, ssl: settings.kafkaSsl, sasl: settings.kafkaSasl, clientId: `inorder-${role}` };
}

/** How to reach PostgreSQL, once it is known where it is. `role` shows in pg_stat_activity. */
export function postgresOptions(settings: Settings, databaseUrl: string, role: string): PostgresOptions {
  return {
    url: databaseUrl,
    maxConnections: settings.pgMaxConnections,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    idleInTransactionTimeoutMs: IDLE_IN_TRANSACTION_TIMEOUT_MS,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    applicationName: `inorder ${role}`,
  };
}

export interface ServerAddresses {
  readonly brokers: readonly string[];
  readonly databaseUrl: string;
}

export function configFor(settings: Settings, { brokers, databaseUrl }: ServerAddresses, role: string): Config {
  return {
    kafka: kafkaOptions(settings, brokers, role),
    postgres: postgresOptions(settings, databaseUrl, role),
    topicPrefix: settings.topicPrefix,
    topics: settings.topics,
    partitions: settings.partitions,
    maxValueBytes: settings.maxValueBytes,
    batchMaxRecords: settings.batchMaxRecords,
    reorder: settings.reorder,
    sessionTimeoutMs: settings.sessionTimeoutMs,
    heartbeatIntervalMs: settings.heartbeatIntervalMs,
    rebalanceTimeoutMs: Math.max(2 * settings.sessionTimeoutMs, MIN_REBALANCE_TIMEOUT_MS),
    transactionTimeoutMs: settings.transactionTimeoutMs,
    shutdownTimeoutMs: settings.shutdownTimeoutMs,
    clock: settings.clock,
  };
}
