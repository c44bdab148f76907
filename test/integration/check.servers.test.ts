/** `inorder check` on real servers: a pipeline that ran is proven, and a row that somebody changed is found. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { KafkaAdmin } from '../../src/kafka/admin.js';
import { openKafka } from '../../src/kafka/connection.js';
import { silentLog } from '../../src/observe/log.js';
import { topicNames } from '../../src/protocol/topics.js';
import type { Verdict } from '../../src/check/verdict.js';
import { testTopicPrefix } from '../support/isolation.js';
import { testSchema } from '../support/postgres-schema.js';
import { testServers } from '../support/servers.js';
import { inorder, InorderProcess } from '../support/stage-process.js';

const schema = testSchema();
const prefix = testTopicPrefix();
const topics = topicNames(prefix);
const COUNT = 2_000;
let admin: KafkaAdmin;
let dataDir: string;
let env: Record<string, string>;

beforeAll(() => {
  const { brokers } = testServers();
  dataDir = mkdtempSync(join(tmpdir(), 'inorder-check-'));
  admin = new KafkaAdmin(openKafka({ brokers, ssl: false, sasl: null, clientId: 'test' }, silentLog));
  env = {
    KAFKA_BROKERS: brokers.join(','),
    DATABASE_URL: schema.url,
    INORDER_TOPIC_PREFIX: prefix,
    INORDER_DATA_DIR: dataDir,
    INORDER_PARTITIONS: '2',
  };
});

afterAll(async () => {
  await Promise.all(['ingest', 'logic', 'delivery'].map((stage) => admin.deleteGroup(`inorder.${prefix}.${stage}`)));
  await admin.deleteTopics(Object.values(topics));
  await admin.close();
  rmSync(dataDir, { recursive: true });
});

async function check(...args: string[]): Promise<{ code: number | null; verdict: Verdict }> {
  const child = new InorderProcess(['check', '--json', ...args], env, { keep: Number.MAX_SAFE_INTEGER });
  const { code } = await child.exit;
  return { code, verdict: JSON.parse(child.stdout || `{"answer":${JSON.stringify(child.stderr)}}`) as Verdict };
}

async function change(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: schema.url });
  await client.connect();
  await client.query(sql);
  await client.end();
}

test('a pipeline that ran is proven, and what somebody changed afterwards is found and named', async () => {
  await inorder(['topics'], env);
  await inorder(['migrate'], env);
  const load = ['--count', String(COUNT), '--conversations', '50', '--duplicates', '5%', '--bad', '2%'];
  const places = join(dataDir, 'places.jsonl');
  await inorder(['produce', ...load, '--seed', '7', '--acknowledged', places], env);

  const backlog = await check('--settle', '0');
  expect(backlog).toMatchObject({ code: 2, verdict: { answer: 'unknown', counts: { inFlight: COUNT } } });

  const stages = new InorderProcess(['run', 'ingest', 'logic'], env);
  await stages.printed(/lane taken over/);
  const running = await check('--settle', '30');
  expect(running.verdict.outcomes.filter(({ answer, isJudged }) => isJudged && answer !== 'pass')).toEqual([]);
  expect(running).toMatchObject({ code: 0, verdict: { answer: 'pass', counts: { ingested: COUNT, inFlight: 0 } } });
  expect(await stages.stop()).toBe(0);

  const { counts } = (await check('--drained', '--acknowledged', places)).verdict;
  expect(counts).toMatchObject({ acknowledged: COUNT, acknowledgedNotJudged: 0 });
  expect(new Set(readFileSync(places, 'utf8').split('\n')).size).toBe(COUNT + 1);
  expect(counts.delivered).toBe(counts.stored);
  expect(counts.stored + counts.deadLetters + counts.duplicates).toBe(COUNT);

  appendFileSync(places, '{"partition":1,"offset":99999}\n');
  expect(await check('--acknowledged', places)).toMatchObject({ code: 0, verdict: { answer: 'pass' } });
  const cut = await check('--drained', '--acknowledged', places);
  expect(cut).toMatchObject({ code: 1, verdict: { answer: 'fail' } });
  const [endsOnce] = cut.verdict.outcomes;
  expect(endsOnce?.findings.flatMap(({ exhibits }) => exhibits)).toMatchObject([
    { kind: 'record', topic: topics.ingest, partition: 1, offset: 99_999 },
  ]);

  await change(
    `UPDATE message SET body = '"forged"' WHERE seq = 3 AND conversation_id = (SELECT min(conversation_id) FROM message)`,
  );
  const forged = await check();
  expect(forged.code).toBe(1);
  expect(forged.verdict.outcomes.filter(({ answer }) => answer === 'fail').map(({ rule }) => rule)).toContain(
    'payload-unchanged',
  );
}, 120_000);
