import { describe, expect, test } from '@jest/globals';
import { judgeClock } from '../../src/clock/judge-clock.js';
import { topicSpecs } from '../../src/config/topics.js';
import { clockFindingsOf } from '../../src/cli/doctor/clocks.js';
import type { Finding } from '../../src/cli/doctor/finding.js';
import { judgeNode } from '../../src/cli/doctor/host.js';
import { judgeBroker, judgeTopic } from '../../src/cli/doctor/kafka.js';
import { judgePin, judgeServer } from '../../src/cli/doctor/postgres.js';
import { topicNames } from '../../src/protocol/topics.js';

const said = (findings: readonly Finding[]): string[] =>
  findings.filter(({ state }) => state !== 'ok').map(({ state, check, found }) => `${state} ${check} ${found}`);

describe('the doctor', () => {
  const [, wanted] = topicSpecs({ topics: topicNames('im'), partitions: 8, maxValueBytes: 262_144 });
  const good = new Map([...Object.entries(wanted!.config), ['min.insync.replicas', '2']]);
  const topic = (changes: Record<string, string> = {}, replicas = 3, inSync = 3): Parameters<typeof judgeTopic>[0] => ({
    ...{ name: 'im.logic', replicas, inSync },
    settings: new Map([...good, ...Object.entries(changes)]),
  });

  test.each<[string, Parameters<typeof judgeTopic>[0], number, string[]]>([
    ['a topic as we make it', topic(), 3, []],
    ['one broker, for development', topic({ 'min.insync.replicas': '1' }, 1, 1), 1, []],
    [
      'the time of writers',
      topic({ 'message.timestamp.type': 'CreateTime' }),
      3,
      ['warn im.logic message.timestamp.type=CreateTime'],
    ],
    ['compaction', topic({ 'cleanup.policy': 'compact' }), 3, ['fail im.logic cleanup.policy=compact']],
    ['a small limit', topic({ 'max.message.bytes': '1000' }), 3, ['warn im.logic max.message.bytes=1000']],
    ['a short retention', topic({ 'retention.ms': '60000' }), 3, ['warn im.logic retention.ms=60000']],
    ['a retention without end', topic({ 'retention.ms': '-1' }), 3, []],
    ['one that lags', topic({}, 3, 2), 3, ['warn im.logic 2 of 3 replicas in sync']],
    ['too few in sync', topic({}, 3, 1), 3, ['fail im.logic 1 of 3 replicas in sync']],
    [
      'one copy among many brokers',
      topic({}, 1, 1),
      3,
      ['fail im.logic 1 of 1 replicas in sync', 'warn im.logic 1 replicas, min.insync.replicas=2'],
    ],
  ])('on %s', (_what, facts, brokerCount, expected) => {
    const findings = judgeTopic(facts, wanted!.config, brokerCount);
    expect(said(findings)).toEqual(expected);
    for (const { state, advice } of findings) expect(advice === null).toBe(state === 'ok');
  });

  test("on a broker's settings", () => {
    const kept = { 'offsets.retention.minutes': '2147483647', 'transactional.id.expiration.ms': '2147483647' };
    const settings = {
      ...kept,
      'transaction.max.timeout.ms': '900000',
      'transactional.id.expiration.ms': '2592000000',
    };
    expect(said(judgeBroker(new Map(Object.entries(settings)), 10_000))).toEqual([]);
    const kafkasDefaults = { 'offsets.retention.minutes': '10080', 'transactional.id.expiration.ms': '604800000' };
    expect(said(judgeBroker(new Map(Object.entries({ ...settings, ...kafkasDefaults })), 1_000_000))).toEqual([
      'warn offsets.retention.minutes 7 days',
      'warn transactional.id.expiration.ms 7 days',
      'fail transaction.max.timeout.ms 900000 ms',
    ]);
  });

  test('on PostgreSQL and on what was pinned in it', () => {
    const settings = { fsync: 'on', full_page_writes: 'on', TimeZone: 'Asia/Shanghai' };
    const traits = { majorVersion: 18, version: '18.1', encoding: 'UTF8', isStandby: false, settings };
    expect(said(judgeServer(traits, 'db:5432/x'))).toEqual([]);
    const bad = { majorVersion: 16, version: '16.4', encoding: 'LATIN1', isStandby: true };
    expect(said(judgeServer({ ...bad, settings: { ...settings, fsync: 'off' } }, 'db:5432/x'))).toEqual([
      'warn version 16.4',
      'fail encoding LATIN1',
      'fail role a standby',
      'fail fsync off',
    ]);
    expect(judgePin(null, 'im', 8).state).toBe('ok');
    expect(judgePin({ topicPrefix: 'im', partitions: 8 }, 'im', 8).state).toBe('ok');
    expect(judgePin({ topicPrefix: 'im', partitions: 8 }, 'im', 16).state).toBe('fail');
    expect(judgePin({ topicPrefix: 'chat', partitions: 8 }, 'im', 8).advice).toContain('INORDER_TOPIC_PREFIX=chat');
  });

  test('on clocks: it fails where a stage would refuse to stamp', () => {
    const limits = { warnMs: 50, alarmMs: 200, refuseMs: 400 };
    const judged = (offsetMs: number): string[] =>
      clockFindingsOf(judgeClock([{ source: 'ntp', offsetMs, errorMs: 1 }], limits, 'ok')).map(
        ({ state, check }) => `${state} ${check}`,
      );
    expect(judged(0)).toEqual(['ok NTP']);
    expect(judged(300)).toEqual(['ok NTP', 'warn level alarm']);
    expect(judged(-3_600_000)).toEqual(['ok NTP', 'fail level refuse']);
    expect(said(clockFindingsOf(judgeClock([], limits, 'ok')))).toEqual([
      'warn NTP nobody to ask',
      'warn level unknown nothing certain is known of this clock',
    ]);
  });

  test.each([
    ['20.19.0', 'ok'],
    ['20.18.3', 'fail'],
    ['18.20.0', 'fail'],
    ['24.1.0', 'ok'],
  ])('on Node.js %s', (version, state) => {
    expect(judgeNode(version).state).toBe(state);
  });
});
