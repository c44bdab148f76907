/**
 * Every environment variable: what it may hold, its default, what it is for. The validator, the errors and
 * `inorder --help` read this one table.
 */
import { z } from 'zod';
import { resolve } from 'node:path';
import type { FailpointPlan } from '../failpoint.js';
import { readFailpoints } from './failpoints.js';

const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
const SASL_MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;

/** 10 bits of a msgId name the partition. */
const MAX_PARTITIONS = 1024;
/** A topic name has 249 characters at most; `.delivery` is ours. */
const MAX_PREFIX_LENGTH = 200;
/** The broker's default `transaction.max.timeout.ms`. */
const MAX_TRANSACTION_TIMEOUT_MS = 900_000;

/** A day: a clock that is off by more is off by a date. */
const MAX_CLOCK_LIMIT_MS = 86_400_000;

/** A text that `parse` understands; `expected` completes "it may hold …". */
function variable<T>(expected: string, parse: (text: string) => T | undefined): z.ZodType<T, string> {
  return z.string().transform((text, context) => {
    const value = parse(text.trim());
    if (value !== undefined) return value;
    context.addIssue({ code: 'custom', message: expected });
    return z.NEVER;
  });
}

function wholeNumber(from: number, to: number, unit = ''): z.ZodType<number, string> {
  return variable(`a whole number from ${from} to ${to}${unit}`, (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
    return value >= from && value <= to ? value : undefined;
  });
}

function oneOf<T extends string>(choices: readonly T[]): z.ZodType<T, string> {
  return variable(`one of ${choices.join(', ')}`, (text) => choices.find((choice) => choice === text.toLowerCase()));
}

const flag = variable(
  'true or false',
  (text) => ({ true: true, '1': true, false: false, '0': false })[text.toLowerCase()],
);
const anyText = variable('a text', (text) => text);
const milliseconds = (from: number, to: number): z.ZodType<number, string> => wholeNumber(from, to, ' (milliseconds)');
const port = wholeNumber(0, 65_535, ' (a port; 0 takes a free one)');

const brokers = variable('host:port, several separated by commas', (text): readonly string[] | undefined => {
  const addresses = text.split(',').map((address) => address.trim());
  return addresses.every(isAddress) ? addresses : undefined;
});

function isAddress(address: string): boolean {
  const [, portText] = /^(?:\[[0-9a-fA-F:.]+\]|[^\s:/@,[\]]+):(\d{1,5})$/.exec(address) ?? [];
  return portText !== undefined && Number(portText) >= 1 && Number(portText) <= 65_535;
}

/** A host's name or address; NTP's port is 123 unless told. */
const ntpServers = variable('host or host:port, several separated by commas', (text) => {
  const servers = text.split(',').map((one) => {
    const [, bracketed, name, portText = '123'] =
      /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:/@,[\]]+))(?::(\d{1,5}))?$/.exec(one.trim()) ?? [];
    return { host: bracketed ?? name ?? '', port: Number(portText) };
  });
  return servers.every(({ host, port }) => host !== '' && port >= 1 && port <= 65_535) ? servers : undefined;
});

const databaseUrl = variable('postgres://user:password@host:port/database', (text) => {
  if (!URL.canParse(text)) return undefined;
  const { protocol, hostname, pathname, searchParams } = new URL(text);
  const namesHost = hostname !== '' || searchParams.has('host');
  return /^postgres(ql)?:$/.test(protocol) && namesHost && pathname.length > 1 ? text : undefined;
});

const topicPrefix = variable(
  `1 to ${MAX_PREFIX_LENGTH} of the characters a-z A-Z 0-9 . _ - (a topic's name begins with it)`,
  (text) => (text.length <= MAX_PREFIX_LENGTH && /^[a-zA-Z0-9._-]+$/.test(text) ? text : undefined),
);

const failpoints = z.string().transform((text, context): FailpointPlan => {
  const read = readFailpoints(text);
  if (read.kind === 'plan') return read.plan;
  context.addIssue({ code: 'custom', message: read.expected });
  return z.NEVER;
});

/** In the order in which help and errors name them. */
export const environmentShape = z.object({
  KAFKA_BROKERS: brokers.optional(),
  KAFKA_SSL: flag.default(false),
  KAFKA_SASL_MECHANISM: oneOf(SASL_MECHANISMS).optional(),
  KAFKA_SASL_USERNAME: anyText.optional(),
  KAFKA_SASL_PASSWORD: anyText.optional(),
  DATABASE_URL: databaseUrl.optional(),
  INORDER_TOPIC_PREFIX: topicPrefix.default('im'),
  INORDER_PARTITIONS: wholeNumber(1, MAX_PARTITIONS).optional(),
  INORDER_MAX_VALUE_BYTES: wholeNumber(1_024, 8_388_608, ' (bytes)').default(262_144),
  INORDER_BATCH_MAX_RECORDS: wholeNumber(1, 10_000).default(1_000),
  INORDER_REORDER_WINDOW_MS: milliseconds(0, 60_000).default(500),
  INORDER_HELD_MAX_PER_SENDER: wholeNumber(1, 100_000).default(500),
  INORDER_HELD_MAX_MESSAGES: wholeNumber(1, 100_000).default(5_000),
  INORDER_HELD_MAX_BYTES: wholeNumber(1_024, 1_073_741_824, ' (bytes)').default(4_194_304),
  INORDER_SENDER_RESET_MS: milliseconds(60_000, 31_536_000_000).default(43_200_000),
  INORDER_PG_MAX_CONNECTIONS: wholeNumber(1, 100).default(4),
  INORDER_SESSION_TIMEOUT_MS: milliseconds(1_000, 300_000).default(6_000),
  INORDER_HEARTBEAT_INTERVAL_MS: milliseconds(50, 60_000).default(500),
  INORDER_TRANSACTION_TIMEOUT_MS: milliseconds(1_000, MAX_TRANSACTION_TIMEOUT_MS).default(10_000),
  INORDER_SHUTDOWN_TIMEOUT_MS: milliseconds(1_000, 600_000).default(10_000),
  INORDER_HTTP_PORT: port.optional(),
  INORDER_DATA_DIR: variable('a folder', (text) => resolve(text)).default(() => resolve('.inorder')),
  INORDER_KAFKA_PORT: port.optional(),
  INORDER_PG_PORT: port.optional(),
  INORDER_NTP_SERVERS: ntpServers.optional(),
  INORDER_CLOCK_WARN_MS: milliseconds(1, MAX_CLOCK_LIMIT_MS).default(50),
  INORDER_CLOCK_ALARM_MS: milliseconds(1, MAX_CLOCK_LIMIT_MS).default(200),
  INORDER_CLOCK_REFUSE_MS: wholeNumber(0, MAX_CLOCK_LIMIT_MS, ' (milliseconds; 0 never refuses)').default(400),
  LOG_LEVEL: oneOf(LOG_LEVELS).default('info'),
  INORDER_FAILPOINTS: failpoints.optional(),
});

export type VariableName = keyof typeof environmentShape.shape;
export type Variables = z.output<typeof environmentShape>;

/** What a variable is for, and its default where it has one: a line of `inorder --help` each. */
export const VARIABLES: Readonly<Record<VariableName, { about: string; fallback?: string }>> = {
  KAFKA_BROKERS: { about: 'Kafka to use, host:port,…', fallback: 'embedded, or the running stack' },
  KAFKA_SSL: { about: 'connect to Kafka by TLS', fallback: 'false' },
  KAFKA_SASL_MECHANISM: { about: SASL_MECHANISMS.join(', ') },
  KAFKA_SASL_USERNAME: { about: 'goes with the mechanism' },
  KAFKA_SASL_PASSWORD: { about: 'goes with the mechanism; never printed' },
  DATABASE_URL: { about: 'PostgreSQL to use', fallback: 'embedded, or the running stack' },
  INORDER_TOPIC_PREFIX: { about: 'topics are <prefix>.ingest, .logic, .delivery, .dlq', fallback: 'im' },
  INORDER_PARTITIONS: { about: 'partitions of new topics; pinned at the first start', fallback: '8' },
  INORDER_MAX_VALUE_BYTES: { about: 'the largest envelope taken; larger ones are dead-lettered', fallback: '262144' },
  INORDER_BATCH_MAX_RECORDS: { about: 'records a lane stores in one PostgreSQL transaction', fallback: '1000' },
  INORDER_REORDER_WINDOW_MS: {
    about: "how long a message waits for its sender's earlier ones; 0: not",
    fallback: '500',
  },
  INORDER_HELD_MAX_PER_SENDER: { about: 'messages of a sender in a conversation that wait at once', fallback: '500' },
  INORDER_HELD_MAX_MESSAGES: { about: 'messages of a lane that wait at once', fallback: '5000' },
  INORDER_HELD_MAX_BYTES: { about: 'the same in bytes', fallback: '4194304' },
  INORDER_SENDER_RESET_MS: {
    about: 'a sender whose numbers fall back after this long lost them',
    fallback: '43200000',
  },
  INORDER_PG_MAX_CONNECTIONS: { about: 'PostgreSQL connections of one process', fallback: '4' },
  INORDER_SESSION_TIMEOUT_MS: { about: 'silence after which a worker counts as dead', fallback: '6000' },
  INORDER_HEARTBEAT_INTERVAL_MS: { about: 'signs of life; how soon a rebalance is noticed', fallback: '500' },
  INORDER_TRANSACTION_TIMEOUT_MS: { about: 'after which Kafka aborts an abandoned transaction', fallback: '10000' },
  INORDER_SHUTDOWN_TIMEOUT_MS: { about: 'how long a stop may drain before it is forced', fallback: '10000' },
  INORDER_HTTP_PORT: { about: '/healthz, /readyz, /metrics', fallback: '8080, or a free one' },
  INORDER_DATA_DIR: { about: "the embedded servers' data and stack.json", fallback: '.inorder' },
  INORDER_KAFKA_PORT: { about: "the embedded Kafka's port", fallback: 'the last one, 9092, or a free one' },
  INORDER_PG_PORT: { about: "the embedded PostgreSQL's port", fallback: 'the last one, 5432, or a free one' },
  INORDER_NTP_SERVERS: { about: 'NTP servers, host,host:port,…; chrony is asked first where it runs' },
  INORDER_CLOCK_WARN_MS: { about: 'a clock off by this is a warning', fallback: '50' },
  INORDER_CLOCK_ALARM_MS: { about: 'a clock off by this is an alarm', fallback: '200' },
  INORDER_CLOCK_REFUSE_MS: { about: 'a clock off by this stamps nothing; 0 stamps whatever it is', fallback: '400' },
  LOG_LEVEL: { about: LOG_LEVELS.join(', '), fallback: 'info' },
  INORDER_FAILPOINTS: { about: 'faults at named points of the protocol, for tests; off unless set' },
};

interface Relation {
  /** The variables it relates; the first is the one an error names. */
  readonly between: readonly [VariableName, ...VariableName[]];
  readonly holds: (variables: Variables) => boolean;
  /** Completes "it may hold …". */
  readonly expected: (variables: Variables) => string;
}

const HEARTBEATS_PER_SESSION = 3;

/** What single values can't say. */
export const RELATIONS: readonly Relation[] = [
  {
    between: ['INORDER_HEARTBEAT_INTERVAL_MS', 'INORDER_SESSION_TIMEOUT_MS'],
    holds: (v) => v.INORDER_HEARTBEAT_INTERVAL_MS * HEARTBEATS_PER_SESSION <= v.INORDER_SESSION_TIMEOUT_MS,
    expected: (v) =>
      `at most ${Math.floor(v.INORDER_SESSION_TIMEOUT_MS / HEARTBEATS_PER_SESSION)}, a third of ` +
      `INORDER_SESSION_TIMEOUT_MS (${v.INORDER_SESSION_TIMEOUT_MS}): one lost heartbeat must not cost the lanes`,
  },
  {
    between: ['INORDER_TRANSACTION_TIMEOUT_MS', 'INORDER_SHUTDOWN_TIMEOUT_MS'],
    holds: (v) => v.INORDER_TRANSACTION_TIMEOUT_MS <= v.INORDER_SHUTDOWN_TIMEOUT_MS,
    expected: (v) =>
      `at most INORDER_SHUTDOWN_TIMEOUT_MS (${v.INORDER_SHUTDOWN_TIMEOUT_MS}): a stop must outlast the transaction ` +
      'that it drains',
  },
  {
    between: ['INORDER_CLOCK_WARN_MS', 'INORDER_CLOCK_ALARM_MS'],
    holds: (v) => v.INORDER_CLOCK_WARN_MS < v.INORDER_CLOCK_ALARM_MS,
    expected: (v) => `less than INORDER_CLOCK_ALARM_MS (${v.INORDER_CLOCK_ALARM_MS}): a warning comes before the alarm`,
  },
  {
    between: ['INORDER_CLOCK_REFUSE_MS', 'INORDER_CLOCK_ALARM_MS'],
    holds: (v) => v.INORDER_CLOCK_REFUSE_MS === 0 || v.INORDER_CLOCK_REFUSE_MS > v.INORDER_CLOCK_ALARM_MS,
    expected: (v) =>
      `more than INORDER_CLOCK_ALARM_MS (${v.INORDER_CLOCK_ALARM_MS}), so that somebody hears of it before stamping ` +
      'stops, or 0, which never stops it',
  },
  ...(['KAFKA_SASL_MECHANISM', 'KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD'] as const).map((name): Relation => {
    const all = ['KAFKA_SASL_MECHANISM', 'KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD'] as const;
    const others = all.filter((other) => other !== name);
    return {
      between: [name, ...others],
      holds: (v) => v[name] !== undefined || others.every((other) => v[other] === undefined),
      expected: () => `a value too where ${others.join(' or ')} is set: the three KAFKA_SASL_ variables go together`,
    };
  }),
  ...(['KAFKA_SSL', 'KAFKA_SASL_MECHANISM'] as const).map((name): Relation => ({
    between: [name, 'KAFKA_BROKERS'],
    holds: (v) => v.KAFKA_BROKERS !== undefined || v[name] === undefined || v[name] === false,
    expected: () => 'nothing while KAFKA_BROKERS is unset: the embedded Kafka knows neither TLS nor SASL',
  })),
];
