import type { logCreator } from 'kafkajs';
import kafkajs from 'kafkajs';
import type { Log } from '../observe/log.js';
import { CLIENT_CLOSED } from './kafkajs-seams.js';

/** One line of a kind in this time, ms; an outage makes hundreds. */
const QUIET_MS = 10_000;
/** kafkajs' errors that nobody else reports: connections come and go below every operation. */
const WORTH_A_WARNING = /^(Connection (error|timeout)|Failed to connect|SASL)/;

/**
 * kafkajs' lines in our log. Nearly all at debug: what fails is reported by whoever called, with the place and the
 * consequence. Request arguments are never passed on: they hold what people wrote.
 */
export function kafkajsLog(log: Log): logCreator {
  const lastWarnedMs = new Map<string, number>();
  return () =>
    ({ namespace, level, log: { message, ...extra } }) => {
      const fields = { part: namespace, ...plainFields(extra) };
      const nowMs = performance.now();
      const known = `${namespace} ${message}`;
      if (level !== kafkajs.logLevel.ERROR || !WORTH_A_WARNING.test(message) || message.includes(CLIENT_CLOSED)) {
        log.debug(`kafkajs: ${message}`, fields);
      } else if (nowMs - (lastWarnedMs.get(known) ?? -Infinity) >= QUIET_MS) {
        if (lastWarnedMs.size > 100) lastWarnedMs.clear();
        lastWarnedMs.set(known, nowMs);
        log.warn(`kafka: ${message}`, fields);
      }
    };
}

const PLAIN_FIELDS = ['broker', 'groupId', 'memberId', 'retryCount', 'retryTime', 'error', 'topic', 'partition'];

function plainFields(extra: Record<string, unknown>): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const name of PLAIN_FIELDS) {
    const value = extra[name];
    if (typeof value === 'string' || typeof value === 'number') fields[name] = value;
  }
  return fields;
}
