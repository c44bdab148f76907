/**
 * The Log of a running process: one line per event, JSON, or readable on a terminal. Ids, counts and durations only:
 * what could be message text (bytes, and fields named like it) is shown by its size, whoever passed it.
 *
 * Lines are written synchronously. They are rare, and the last one before a death must be there: it is the reason.
 */
import { pino } from 'pino';
import type { DestinationStream, Logger } from 'pino';
import { prettyFactory } from 'pino-pretty';
import { InorderError, messageOf } from '../errors.js';
import type { Log, LogFields } from './log.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface LogOptions {
  readonly level: LogLevel;
  /** Readable lines for a person instead of JSON. */
  readonly pretty: boolean;
  readonly color?: boolean;
  /** Where lines go; standard error unless told, so that standard output stays data. */
  readonly destination?: DestinationStream;
}

const STDERR_FD = 2;

/** Fields that would hold what people wrote, or what opens doors. */
const NEVER_SHOWN: ReadonlySet<string> = new Set(['body', 'meta', 'value', 'text', 'password', 'databaseUrl']);

export function createLog(options: LogOptions): Log {
  const { level, pretty, color = false } = options;
  const destination = options.destination ?? pino.destination({ fd: STDERR_FD, sync: true });
  const stream = pretty ? readable(destination, color) : destination;
  const logger = pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: 'event',
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
  return wrap(logger, {});
}

/** pino-pretty's own stream would write a line later than it is asked to; the factory formats at once. */
function readable(destination: DestinationStream, color: boolean): DestinationStream {
  const prettify = prettyFactory({
    colorize: color,
    messageKey: 'event',
    ignore: 'pid',
    translateTime: 'SYS:HH:MM:ss.l',
    singleLine: true,
  });
  return { write: (line) => destination.write(prettify(line)) };
}

/** Pino's own children would write a field twice that a child and its call both name. */
function wrap(logger: Logger, bound: Record<string, unknown>): Log {
  return {
    debug: (event, fields) => {
      if (logger.isLevelEnabled('debug')) logger.debug({ ...bound, ...shown(fields) }, event);
    },
    info: (event, fields) => logger.info({ ...bound, ...shown(fields) }, event),
    warn: (event, fields) => logger.warn({ ...bound, ...shown(fields) }, event),
    error: (event, fields) => logger.error({ ...bound, ...shown(fields) }, event),
    child: (fields) => wrap(logger, { ...bound, ...shown(fields) }),
  };
}

/** Fields as they may be shown: errors as their reason, bigints as digits, bytes and texts as their size. */
function shown(fields: LogFields = {}): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, shownValue(name, value)]));
}

function shownValue(name: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return `<${value.byteLength} bytes>`;
  if (NEVER_SHOWN.has(name)) return typeof value === 'string' ? `<${value.length} characters>` : '<not shown>';
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof InorderError) return `${value.code}: ${messageOf(value)}`;
  if (value instanceof Error) return messageOf(value);
  return value;
}
