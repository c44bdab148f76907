/** `inorder doctor` on real servers: what is missing is said with what to do, and then it is well. */
import { afterAll, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testSchema } from '../support/postgres-schema.js';
import { KafkaAdmin } from '../../src/kafka/admin.js';
import { openKafka } from '../../src/kafka/connection.js';
import { silentLog } from '../../src/observe/log.js';
import { topicNames } from '../../src/protocol/topics.js';
import { testTopicPrefix } from '../support/isolation.js';
import { testServers } from '../support/servers.js';
import { inorder, InorderProcess } from '../support/stage-process.js';

const schema = testSchema();
const prefix = testTopicPrefix();
const dataDir = mkdtempSync(join(tmpdir(), 'inorder-doctor-'));

afterAll(async () => {
  const admin = new KafkaAdmin(openKafka({ ...connection(), clientId: 'test' }, silentLog));
  await admin.deleteTopics(Object.values(topicNames(prefix)));
  await admin.close();
  rmSync(dataDir, { recursive: true });
});

function connection(): { brokers: string[]; ssl: boolean; sasl: null } {
  return { brokers: testServers().brokers, ssl: false, sasl: null };
}

interface Examined {
  readonly code: number | null;
  readonly ok: boolean;
  readonly findings: readonly { state: string; area: string; check: string; found: string; advice: string | null }[];
}

async function doctor(env: Readonly<Record<string, string>>): Promise<Examined> {
  const child = new InorderProcess(['doctor', '--json'], env);
  const { code } = await child.exit;
  return { code, ...(JSON.parse(child.stdout) as Omit<Examined, 'code'>) };
}

test('names what is missing with what to do, then finds all well, and leaves nothing behind', async () => {
  const env = {
    KAFKA_BROKERS: testServers().brokers.join(','),
    DATABASE_URL: schema.url,
    INORDER_TOPIC_PREFIX: prefix,
    INORDER_DATA_DIR: dataDir,
  };
  const before = await doctor(env);
  expect(before).toMatchObject({ code: 1, ok: false });
  const failed = before.findings.filter(({ state }) => state === 'fail');
  expect(failed.map(({ check, advice }) => [check, advice])).toEqual([
    ['topics', 'run `inorder topics`'],
    ['tables', 'run `inorder migrate`'],
  ]);

  await Promise.all([inorder(['topics'], env), inorder(['migrate'], env)]);
  const after = await doctor(env);
  expect(after.findings.filter(({ state }) => state === 'fail')).toEqual([]);
  expect(after).toMatchObject({ code: 0, ok: true });
  const clocks = after.findings.filter(({ area, state }) => area === 'clocks' && state === 'ok');
  expect(clocks.map(({ check }) => check)).toEqual(expect.arrayContaining(['PostgreSQL', 'Kafka']));
  expect(after.findings.filter(({ area }) => area === 'pipeline').map(({ check }) => check)).toEqual([
    ...['ingest', 'logic', 'lanes'],
  ]);
}, 60_000);

test('a Kafka that is not there is a finding, not the end of the examination', async () => {
  const env = { KAFKA_BROKERS: '127.0.0.1:1', DATABASE_URL: schema.url, INORDER_DATA_DIR: dataDir };
  const { code, findings } = await doctor(env);
  expect(code).toBe(1);
  expect(findings.find(({ area }) => area === 'kafka')).toMatchObject({ state: 'fail', check: 'brokers' });
  expect(findings.some(({ area, state }) => area === 'postgresql' && state === 'ok')).toBe(true);
}, 60_000);
