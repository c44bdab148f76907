import { resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { readSettings, withoutPassword, type Environment } from '../../src/config/environment.js';
import { nearestName } from '../../src/config/nearest-name.js';
import { configFor } from '../../src/config/settings.js';
import { RELATIONS, VARIABLES } from '../../src/config/variables.js';
import { InorderError } from '../../src/errors.js';

function refusal(environment: Environment): string {
  try {
    readSettings(environment);
  } catch (error) {
    expect(error).toBeInstanceOf(InorderError);
    expect((error as InorderError).code).toBe('config_invalid');
    return (error as InorderError).message;
  }
  throw new Error('accepted');
}

const SASL = {
  KAFKA_BROKERS: 'k:9092',
  KAFKA_SASL_MECHANISM: 'plain',
  KAFKA_SASL_USERNAME: 'u',
  KAFKA_SASL_PASSWORD: 'p',
};

describe('the environment', () => {
  test('may be empty: everything has a default', () => {
    const { settings, warnings } = readSettings({});
    expect(warnings).toEqual([]);
    expect(settings).toMatchObject({
      brokers: null,
      databaseUrl: null,
      kafkaSsl: false,
      kafkaSasl: null,
      topicPrefix: 'im',
      topics: { ingest: 'im.ingest', logic: 'im.logic', delivery: 'im.delivery', dlq: 'im.dlq' },
      partitions: 8,
      maxValueBytes: 262_144,
      batchMaxRecords: 1_000,
      pgMaxConnections: 4,
      sessionTimeoutMs: 6_000,
      transactionTimeoutMs: 10_000,
      shutdownTimeoutMs: 10_000,
      httpPort: { port: 8_080, isDefault: true },
      kafkaPort: null,
      pgPort: null,
      dataDir: resolve('.inorder'),
      logLevel: 'info',
    });
  });

  test('every default passes its own validation, and help names each variable', () => {
    for (const [name, { fallback }] of Object.entries(VARIABLES)) {
      if (fallback === undefined || fallback.includes('or ')) continue;
      expect(() => readSettings({ [name]: fallback })).not.toThrow();
    }
  });

  test('becomes settings, with blanks around values ignored and ports marked as asked for', () => {
    const { settings } = readSettings({
      KAFKA_BROKERS: 'a:9092, [::1]:9093',
      DATABASE_URL: 'postgres://u:p@db:5433/inorder',
      INORDER_TOPIC_PREFIX: 'acme.chat_2',
      INORDER_PARTITIONS: ' 1024 ',
      INORDER_HTTP_PORT: '0',
      LOG_LEVEL: 'DEBUG',
      INORDER_DATA_DIR: '/var/lib/inorder',
    });
    expect(settings).toMatchObject({
      brokers: ['a:9092', '[::1]:9093'],
      databaseUrl: 'postgres://u:p@db:5433/inorder',
      partitions: 1_024,
      httpPort: { port: 0, isDefault: false },
      logLevel: 'debug',
      dataDir: '/var/lib/inorder',
    });
    expect(settings.topics.dlq).toBe('acme.chat_2.dlq');
  });

  test('an empty variable counts as unset, as compose files pass it', () => {
    expect(readSettings({ KAFKA_BROKERS: '', INORDER_PARTITIONS: ' ' }).settings).toMatchObject({
      brokers: null,
      partitions: 8,
    });
  });

  test.each([
    ['INORDER_PARTITIONS', '0', 'a whole number from 1 to 1024'],
    ['INORDER_PARTITIONS', '1025', 'a whole number from 1 to 1024'],
    ['INORDER_PARTITIONS', '8.5', 'a whole number from 1 to 1024'],
    ['INORDER_PARTITIONS', '-1', 'a whole number from 1 to 1024'],
    ['INORDER_PARTITIONS', '1e2', 'a whole number from 1 to 1024'],
    ['INORDER_HTTP_PORT', '70000', 'a whole number from 0 to 65535'],
    ['INORDER_TOPIC_PREFIX', 'i m', 'a-z A-Z 0-9 . _ -'],
    ['INORDER_TOPIC_PREFIX', 'x'.repeat(201), '1 to 200'],
    ['KAFKA_BROKERS', 'localhost', 'host:port, several separated by commas'],
    ['KAFKA_BROKERS', 'a:9092,,b:9092', 'host:port'],
    ['KAFKA_BROKERS', 'http://a:9092', 'host:port'],
    ['KAFKA_BROKERS', 'a:99999', 'host:port'],
    ['DATABASE_URL', 'localhost/inorder', 'postgres://user:password@host:port/database'],
    ['DATABASE_URL', 'mysql://a/b', 'postgres://user:password@host:port/database'],
    ['DATABASE_URL', 'postgres://a', 'postgres://user:password@host:port/database'],
    ['KAFKA_SSL', 'maybe', 'true or false'],
    ['LOG_LEVEL', 'loud', 'one of debug, info, warn, error, silent'],
  ])('%s=%j is refused, naming variable, value and what is allowed', (name, value, expected) => {
    const message = refusal({ [name]: value });
    expect(message.startsWith(`${name} holds ${JSON.stringify(value)}; it may hold `)).toBe(true);
    expect(message).toContain(expected);
  });

  test('everything wrong is told at once, relations among what is right included', () => {
    const message = refusal({
      INORDER_PARTITIONS: 'many',
      LOG_LEVEL: 'loud',
      INORDER_SESSION_TIMEOUT_MS: '6000',
      INORDER_HEARTBEAT_INTERVAL_MS: '3000',
    });
    expect(message.split('\n')).toHaveLength(4);
    expect(message).toContain("3 settings can't be used:");
    expect(message).toContain('INORDER_PARTITIONS holds "many"');
    expect(message).toContain('LOG_LEVEL holds "loud"');
    expect(message).toContain('INORDER_HEARTBEAT_INTERVAL_MS holds "3000"; it may hold at most 2000');
  });

  test.each<[string, Environment, string]>([
    [
      'heartbeats',
      { INORDER_SESSION_TIMEOUT_MS: '1200' },
      'INORDER_HEARTBEAT_INTERVAL_MS holds nothing; it may hold at most 400',
    ],
    [
      'stops',
      { INORDER_SHUTDOWN_TIMEOUT_MS: '5000' },
      'INORDER_TRANSACTION_TIMEOUT_MS holds nothing; it may hold at most',
    ],
    [
      'sasl',
      { KAFKA_BROKERS: 'k:9092', KAFKA_SASL_MECHANISM: 'plain' },
      'KAFKA_SASL_PASSWORD holds nothing; it may hold a value too',
    ],
    [
      'sasl, all of it',
      { KAFKA_BROKERS: 'k:9092', KAFKA_SASL_MECHANISM: 'plain' },
      'KAFKA_SASL_USERNAME holds nothing',
    ],
    ['tls', { KAFKA_SSL: 'true' }, 'nothing while KAFKA_BROKERS is unset'],
    ['sasl without brokers', { ...SASL, KAFKA_BROKERS: '' }, 'nothing while KAFKA_BROKERS is unset'],
  ])('related variables are judged together: %s', (_what, environment, expected) => {
    expect(refusal(environment)).toContain(expected);
  });

  test('complete SASL settings become options, and no relation stands without its variables', () => {
    expect(readSettings(SASL).settings.kafkaSasl).toEqual({ mechanism: 'plain', username: 'u', password: 'p' });
    for (const { between } of RELATIONS) expect(between.every((name) => name in VARIABLES)).toBe(true);
  });

  test('clock limits rise, a refusal can be switched off, and NTP servers have a port', () => {
    const { clock } = readSettings({ INORDER_NTP_SERVERS: 'a.ntp, 10.0.0.1:1123,[::1]:124,[fe80::1]' }).settings;
    expect(clock).toEqual({
      ntpServers: [
        { host: 'a.ntp', port: 123 },
        { host: '10.0.0.1', port: 1_123 },
        { host: '::1', port: 124 },
        { host: 'fe80::1', port: 123 },
      ],
      limits: { warnMs: 50, alarmMs: 200, refuseMs: 400 },
    });
    expect(readSettings({ INORDER_CLOCK_REFUSE_MS: '0' }).settings.clock.limits.refuseMs).toBeNull();
    expect(refusal({ INORDER_CLOCK_WARN_MS: '200' })).toBe(
      'INORDER_CLOCK_WARN_MS holds "200"; it may hold less than INORDER_CLOCK_ALARM_MS (200): a warning comes before the alarm',
    );
    expect(refusal({ INORDER_CLOCK_REFUSE_MS: '200' })).toContain('it may hold more than INORDER_CLOCK_ALARM_MS (200)');
    expect(refusal({ INORDER_NTP_SERVERS: 'a:0' })).toContain('it may hold host or host:port');
  });

  test('a password is never shown', () => {
    const shown = [
      refusal({ DATABASE_URL: 'postgres://u:hunter2@/' }),
      refusal({ DATABASE_URL: 'postgres://u:hun@ter2@db:port/x' }),
      refusal({ DATABASE_URL: 'u:hunter2@db/x' }),
      refusal({ DATABASE_URL: 'host=db password=hunter2' }),
      refusal({ KAFKA_SASL_PASSWORD: 'hunter2' }),
    ].join('\n');
    expect(shown).not.toMatch(/hunter2|ter2/);
    expect(withoutPassword('postgres://u:hunter2@db/x')).toBe('postgres://u:***@db/x');
    expect(withoutPassword('postgres://u@db/x')).toBe('postgres://u@db/x');
    expect(withoutPassword('postgres://db/x')).toBe('postgres://db/x');
  });

  test('a name that looks like ours and is not gets a warning with the nearest one', () => {
    const { warnings } = readSettings({
      INORDER_PARTITION: '4',
      KAFKA_BROKER: 'a:1',
      INORDER_COLOUR_OF_THE_SKY: 'blue',
      KAFKA_HEAP_OPTS: '-Xmx1g',
      INORDER_TEST_BROKERS: 'a:1',
      HOME: '/root',
    });
    expect(warnings).toEqual([
      'INORDER_PARTITION is not a setting; did you mean INORDER_PARTITIONS?',
      'KAFKA_BROKER is not read; did you mean KAFKA_BROKERS?',
      'INORDER_COLOUR_OF_THE_SKY is not a setting',
    ]);
  });

  test('with the addresses it is a whole config, the options of each room ready', () => {
    const { settings } = readSettings(SASL);
    const config = configFor(settings, { brokers: ['k:9092'], databaseUrl: 'postgres://db/x' }, 'logic');
    expect(config.kafka).toEqual({
      brokers: ['k:9092'],
      ssl: false,
      sasl: { mechanism: 'plain', username: 'u', password: 'p' },
      clientId: 'inorder-logic',
    });
    expect(config.postgres).toMatchObject({
      url: 'postgres://db/x',
      maxConnections: 4,
      applicationName: 'inorder logic',
    });
    expect(config.rebalanceTimeoutMs).toBeGreaterThanOrEqual(config.sessionTimeoutMs);
  });
});

test('the nearest name is the one with the fewest edits, or none', () => {
  expect(nearestName('INORDER_HTTPPORT', ['INORDER_PG_PORT', 'INORDER_HTTP_PORT'])).toBe('INORDER_HTTP_PORT');
  expect(nearestName('SOMETHING', ['LOG_LEVEL'])).toBeNull();
});
