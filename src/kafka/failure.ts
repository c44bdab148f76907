import { InorderError, messageOf } from '../errors.js';

/**
 * What something thrown by kafkajs means. kafkajs wraps errors in errors (`cause`), and marks with `retriable` what it
 * would try again itself.
 */
interface Link {
  readonly name: string;
  /** The protocol's name of an error in a broker's answer. */
  readonly type: string | undefined;
  readonly retriable: boolean | undefined;
  readonly message: string;
  readonly error: unknown;
}

/** By shape: an error of another realm (Node's own, under a test runner) is no `instanceof Error`. */
function isErrorLike(thrown: unknown): thrown is Error & { type?: unknown; retriable?: unknown; code?: unknown } {
  return typeof thrown === 'object' && thrown !== null && 'message' in thrown && 'name' in thrown;
}

/** The thrown error and its causes, outermost first; bounded, and never throws. */
function chainOf(thrown: unknown): Link[] {
  const links: Link[] = [];
  let error = thrown;
  while (isErrorLike(error) && links.length < 10) {
    const { name, type, retriable, cause } = error;
    links.push({
      name,
      type: typeof type === 'string' ? type : undefined,
      retriable: typeof retriable === 'boolean' ? retriable : undefined,
      message: error.message,
      error,
    });
    error = cause;
  }
  return links;
}

/** The protocol's name of the error, `CONCURRENT_TRANSACTIONS` for one, if a broker answered with one. */
export function protocolErrorOf(thrown: unknown): string | undefined {
  return chainOf(thrown).find(({ type }) => type !== undefined)?.type;
}

const CONNECTION_LOST = new Set([
  'KafkaJSConnectionError',
  'KafkaJSConnectionClosedError',
  'KafkaJSRequestTimeoutError',
  'KafkaJSLockTimeout',
  'KafkaJSBrokerNotFound',
  'KafkaJSNoBrokerAvailableError',
  'KafkaJSGroupCoordinatorNotFound',
  'KafkaJSMetadataNotLoaded',
  'KafkaJSTopicMetadataNotLoaded',
]);
const BUGS = new Set(['TypeError', 'RangeError', 'ReferenceError', 'SyntaxError', 'AssertionError']);

/**
 * Whether trying again later, with a new client, may work: brokers away, restarting, or electing. kafkajs itself gives
 * up for good on some of these (`KafkaJSGroupCoordinatorNotFound` while the only broker restarts, for one).
 */
export function isOutage(thrown: unknown): boolean {
  const links = chainOf(thrown);
  if (links.some(({ name }) => BUGS.has(name))) return false;
  const own = links.find(({ error }) => error instanceof InorderError)?.error;
  if (own instanceof InorderError) return own.retryable;
  if (links.some(({ name }) => CONNECTION_LOST.has(name))) return true;
  const answer = links.find(({ type }) => type !== undefined);
  if (answer !== undefined) return answer.retriable === true;
  return links.at(-1)?.retriable === true;
}

/** Answers that mean: a newer producer of the same transactional id was initialised, or the broker ended our
 *  transaction for taking too long. Either way this producer is done for. */
const FENCED = new Set(['INVALID_PRODUCER_EPOCH', 'INVALID_PRODUCER_ID_MAPPING', 'TRANSACTION_COORDINATOR_FENCED']);
/** PRODUCER_FENCED, younger than kafkajs. */
const FENCED_UNNAMED = /^Unknown error code 90$/;

export function isFenced(thrown: unknown): boolean {
  return chainOf(thrown).some(
    ({ type, message }) => (type !== undefined && FENCED.has(type)) || FENCED_UNNAMED.test(message),
  );
}

const REFUSED_LOGIN = new Set(['SASL_AUTHENTICATION_FAILED', 'ILLEGAL_SASL_STATE', 'UNSUPPORTED_SASL_MECHANISM']);

/**
 * The project's error for something kafkajs threw. `doing` completes "could not …" and names what it was about.
 * `kafka_unavailable` (retryable) names the brokers; `kafka_failed` is the broker's refusal. Never throws.
 */
export function failureOf(thrown: unknown, doing: string, brokers: readonly string[]): InorderError {
  if (thrown instanceof InorderError) return thrown;
  const links = chainOf(thrown);
  const root = links.find(({ type }) => type !== undefined) ?? links.at(-1);
  const message = root?.message ?? messageOf(thrown);
  const options = { cause: thrown };
  if (links.some(({ name, type }) => name === 'KafkaJSSASLAuthenticationError' || REFUSED_LOGIN.has(type ?? ''))) {
    return new InorderError(
      'kafka_failed',
      `could not ${doing}: Kafka at ${brokers.join(', ')} refused the login (${message})`,
      options,
    );
  }
  if (links.some(({ type }) => type === 'UNKNOWN_TOPIC_OR_PARTITION')) {
    return new InorderError('topic_mismatch', `could not ${doing}: a topic or partition does not exist`, options);
  }
  if (isOutage(thrown)) {
    return new InorderError(
      'kafka_unavailable',
      `could not ${doing}: Kafka at ${brokers.join(', ')} cannot be used now (${message})`,
      options,
    );
  }
  return new InorderError('kafka_failed', `could not ${doing}: ${message}`, options);
}
