/** `inorder demo` on real servers, small: the disorder is there, Inorder has none of it, and nothing is left behind. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import kafkajs from 'kafkajs';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testSchema } from '../support/postgres-schema.js';
import { testServers } from '../support/servers.js';
import { InorderProcess } from '../support/stage-process.js';

const schema = testSchema();
const dataDir = mkdtempSync(join(tmpdir(), 'inorder-demo-test-'));
const kafka = new kafkajs.Kafka({ brokers: testServers().brokers, logLevel: kafkajs.logLevel.NOTHING });
const admin = kafka.admin();

beforeAll(() => admin.connect());
afterAll(async () => {
  await admin.disconnect();
  rmSync(dataDir, { recursive: true });
});

interface Report {
  readonly passed: boolean;
  readonly messages: number;
  readonly copies: number;
  readonly byArrival: { readonly inversions: number; readonly doubled: number };
  readonly byClientClock: { readonly inversions: number };
  readonly kill: { readonly lanes: number[]; readonly firstDeliveryMs: number | null };
  readonly loss: { readonly epochBefore: number; readonly epochAfter: number };
  readonly shown: { readonly byInorder: { readonly clientMsgId: string }[] };
}

/** Topics, groups and schemas whose names are a demo's. */
async function leftBehind(): Promise<string[]> {
  const topics = await admin.listTopics();
  const { groups } = await admin.listGroups();
  const { rows } = await schema.client.query<{ nspname: string }>('SELECT nspname FROM pg_namespace');
  const names = [...topics, ...groups.map(({ groupId }) => groupId), ...rows.map(({ nspname }) => nspname)];
  return names.filter((name) => /(^|\.)demo-[0-9a-f]{8}/.test(name));
}

test('a worker killed, numbers lost, a bad network: naive orders are wrong, and Inorder is exact', async () => {
  const env = { KAFKA_BROKERS: testServers().brokers.join(','), DATABASE_URL: schema.url, INORDER_DATA_DIR: dataDir };
  const demo = new InorderProcess(['demo', '--json', '--chats', '3', '--seed', '5'], env, { keep: 1_000_000 });
  const { code } = await demo.exit;
  expect({ code, stderr: code === 0 ? '' : demo.stderr }).toEqual({ code: 0, stderr: '' });
  const report = JSON.parse(demo.stdout) as Report;

  expect(report).toMatchObject({ passed: true, byInorder: { inversions: 0, doubled: 0, lost: 0, outOfSequence: 0 } });
  expect(report.byArrival.inversions).toBeGreaterThan(0);
  expect(report.byClientClock.inversions).toBeGreaterThan(0);
  expect(report.byArrival.doubled).toBe(report.copies);
  expect(report.shown.byInorder.map(({ clientMsgId }) => clientMsgId)).toEqual(
    report.shown.byInorder.map((_, index) => `shown-${index + 1}`),
  );
  expect(report.kill.lanes.length).toBeGreaterThan(0);
  expect(report.kill.firstDeliveryMs).not.toBeNull();
  expect(report.loss.epochAfter).toBeGreaterThan(report.loss.epochBefore);
  expect(await leftBehind()).toEqual([]);
}, 90_000);
