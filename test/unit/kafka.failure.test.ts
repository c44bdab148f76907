import kafkajs from 'kafkajs';
import { describe, expect, test } from '@jest/globals';
import { InorderError } from '../../src/errors.js';
import { failureOf, isFenced, isOutage, protocolErrorOf } from '../../src/kafka/failure.js';

const protocolError = (type: string, retriable: boolean, message = type): Error =>
  Object.assign(new Error(message), { name: 'KafkaJSProtocolError', type, retriable });
/** kafkajs' error classes with the parameters that they have; its types leave them out. */
const errors = kafkajs as unknown as Record<string, new (message: unknown, options?: object) => Error>;
const made = (name: string, message: unknown, options?: object): Error => new errors[name]!(message, options);
const wrapped = (error: unknown): Error => made('KafkaJSNonRetriableError', error, { cause: error });
const closed = made('KafkaJSConnectionClosedError', 'Closed connection', { host: 'a', port: 1 });
const BROKERS = ['one:9092', 'two:9092'];

describe('what an error means', () => {
  test.each([
    ['a closed connection', closed],
    [
      'retries exceeded for want of a connection',
      made('KafkaJSNumberOfRetriesExceeded', closed, { retryCount: 5, retryTime: 1 }),
    ],
    // kafkajs marks these two "not retriable" and ends its consumer for good.
    ['no coordinator while the only broker restarts', made('KafkaJSGroupCoordinatorNotFound', 'none')],
    ['a lock that connecting brokers hold', made('KafkaJSLockTimeout', 'timeout')],
    ['a coordinator that is loading', protocolError('GROUP_LOAD_IN_PROGRESS', true)],
    ['our own error for it', new InorderError('kafka_unavailable', 'away')],
  ])('%s is an outage', (_, error) => {
    expect(isOutage(error)).toBe(true);
    expect(isOutage(wrapped(error))).toBe(true);
    expect(failureOf(error, 'read', BROKERS).code).toBe('kafka_unavailable');
  });

  test.each([
    ['a bug', new TypeError('x is undefined')],
    ['a bug wrapped by kafkajs', wrapped(new TypeError('x'))],
    ['a refusal', protocolError('GROUP_AUTHORIZATION_FAILED', false)],
    ['an error of nobody', new Error('what?')],
    ['no error at all', 'text'],
  ])('%s is no outage', (_, error) => {
    expect(isOutage(error)).toBe(false);
    expect(failureOf(error, 'read', BROKERS).code).toBe('kafka_failed');
  });

  test.each([
    ['INVALID_PRODUCER_EPOCH', true],
    ['INVALID_PRODUCER_ID_MAPPING', true],
    ['TRANSACTION_COORDINATOR_FENCED', true],
    ['CONCURRENT_TRANSACTIONS', false],
    ['INVALID_TXN_STATE', false],
    ['UNKNOWN', false],
  ])('%s means fenced: %s', (type, fenced) => {
    expect(isFenced(protocolError(type, false))).toBe(fenced);
    expect(isFenced(wrapped(protocolError(type, false)))).toBe(fenced);
  });

  test('a producer fenced by an answer that kafkajs does not know is fenced', () => {
    expect(isFenced(protocolError('KAFKAJS_UNKNOWN_ERROR_CODE', false, 'Unknown error code 90'))).toBe(true);
    expect(isFenced(protocolError('KAFKAJS_UNKNOWN_ERROR_CODE', false, 'Unknown error code 91'))).toBe(false);
    expect(isFenced(closed)).toBe(false);
  });

  test('an error names what was attempted and, when Kafka is away, the brokers', () => {
    const failure = failureOf(closed, 'create topic im.logic', BROKERS);
    expect(failure).toMatchObject({ code: 'kafka_unavailable', retryable: true, cause: closed });
    expect(failure.message).toBe(
      'could not create topic im.logic: Kafka at one:9092, two:9092 cannot be used now (Closed connection)',
    );
  });

  test('a refused login is named as such', () => {
    const error = made('KafkaJSSASLAuthenticationError', 'SASL PLAIN authentication failed');
    expect(failureOf(error, 'connect', BROKERS)).toMatchObject({ code: 'kafka_failed', retryable: false });
    expect(failureOf(error, 'connect', BROKERS).message).toContain('refused the login');
  });

  test('a missing topic is a mismatch, whoever asks', () => {
    expect(failureOf(protocolError('UNKNOWN_TOPIC_OR_PARTITION', true), 'read', BROKERS).code).toBe('topic_mismatch');
  });

  test("the answer is found below kafkajs' wrapping, and a chain of causes without end is followed so far only", () => {
    const inner = protocolError('CONCURRENT_TRANSACTIONS', true);
    expect(protocolErrorOf(wrapped(inner))).toBe('CONCURRENT_TRANSACTIONS');
    const loop = new Error('loop');
    loop.cause = loop;
    expect(protocolErrorOf(loop)).toBeUndefined();
  });
});
