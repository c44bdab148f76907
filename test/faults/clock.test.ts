/** Workers whose clocks are hours apart, taking over from each other. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compareTopicAndTable, countRows } from '../support/compare.js';
import { makeDataDir, type TestDataDir } from '../support/data-dir.js';
import { readWithForeignClient } from '../support/foreign-reader.js';
import { inorder, InorderProcess } from '../support/stage-process.js';
import { until } from '../support/until.js';

const HOUR_MS = 3_600_000;
const BATCH = 2_000;

let dataDir: TestDataDir;
let servers: InorderProcess;

beforeAll(async () => {
  dataDir = await makeDataDir();
  const ports = { INORDER_KAFKA_PORT: '0', INORDER_PG_PORT: '0' };
  servers = new InorderProcess(['servers'], { ...ports, INORDER_DATA_DIR: dataDir.path });
  await servers.printed(/^PostgreSQL /m, 120_000);
}, 180_000);

afterAll(async () => {
  await servers.stop();
  await dataDir.remove();
}, 60_000);

test('msgIds grow per conversation while workers an hour ahead and an hour behind take over from each other', async () => {
  const env = { INORDER_DATA_DIR: dataDir.path };
  const { brokers, databaseUrl } = JSON.parse(await readFile(join(dataDir.path, 'stack.json'), 'utf8')) as {
    brokers: string[];
    databaseUrl: string;
  };
  await inorder(['topics'], env);
  await inorder(['migrate'], env);
  const ingest = new InorderProcess(['run', 'ingest'], env);
  const stored = (): Promise<number> => countRows(databaseUrl, 'SELECT count(*) FROM message');
  const offsets = [HOUR_MS, -HOUR_MS, HOUR_MS, 0];
  for (const [round, clockOffsetMs] of offsets.entries()) {
    const worker = new InorderProcess(['run', 'logic'], env, { clockOffsetMs });
    const load = ['--count', String(BATCH), '--conversations', '50', '--seed', String(round)];
    await inorder(['produce', ...load, '--json'], env);
    await until('the round stored', async () => (await stored()) >= BATCH * (round + 1), 60_000);
    expect(await worker.stop()).toBe(0);
  }
  const delivered = async (): Promise<number> => (await readWithForeignClient(brokers, 'im.delivery')).length;
  await until('everything delivered', async () => (await delivered()) >= BATCH * offsets.length, 60_000);
  await ingest.stop();

  // The workers really believed in different hours …
  const spread = await countRows(databaseUrl, 'SELECT max(stamped_at) - min(stamped_at) AS count FROM message');
  expect(spread).toBeGreaterThan(2 * HOUR_MS - 60_000);
  // … and the order doesn't show it: compare holds msgIds to growth, per partition and so per conversation.
  expect(await compareTopicAndTable(await readWithForeignClient(brokers, 'im.delivery'), databaseUrl)).toEqual([]);
}, 300_000);
