/**
 * `inorder start` and real input, as a new user would: a load with resends and every kind of broken record, and totals
 * that must add up exactly. The full run of the README:
 *
 *   INORDER_TEST_COUNT=200000 npm test -- --selectProjects faults -t "real input"
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compareTopicAndTable, countRows } from '../support/compare.js';
import { makeDataDir, type TestDataDir } from '../support/data-dir.js';
import { readWithForeignClient } from '../support/foreign-reader.js';
import { inorder, InorderProcess } from '../support/stage-process.js';
import { until } from '../support/until.js';

const COUNT = Number(process.env['INORDER_TEST_COUNT'] ?? 30_000);
const START_LIMIT_MS = 120_000;

interface Stack {
  readonly brokers: string[];
  readonly databaseUrl: string;
  readonly httpUrl: string;
}

interface Expected {
  readonly messages: number;
  readonly duplicates: number;
  readonly deadLetters: number;
  readonly deadLettersByReason: Readonly<Record<string, number>>;
}

let dataDir: TestDataDir;
let stack: InorderProcess;
let env: Record<string, string>;

async function start(): Promise<Stack> {
  stack = new InorderProcess(['start'], { ...env, INORDER_KAFKA_PORT: '0', INORDER_PG_PORT: '0' });
  const path = join(dataDir.path, 'stack.json');
  return until(
    'stack.json, written when everything is ready',
    async () => {
      if (stack.exited) throw new Error(`start ended: ${stack.stderr}`);
      return readFile(path, 'utf8').then(
        (text) => JSON.parse(text) as Stack,
        () => null,
      );
    },
    START_LIMIT_MS,
  );
}

beforeAll(async () => {
  dataDir = await makeDataDir();
  env = { INORDER_DATA_DIR: dataDir.path };
}, 60_000);

afterAll(async () => {
  await stack.stop();
  await dataDir.remove();
}, 60_000);

test('real input: messages, deliveries, dead letters and duplicates add up exactly, and survive a restart', async () => {
  const { brokers, databaseUrl, httpUrl } = await start();
  const load = ['--count', String(COUNT), '--conversations', '1000', '--duplicates', '5%', '--bad', '1%'];
  const { expected } = JSON.parse(await inorder(['produce', ...load, '--json'], env)) as { expected: Expected };
  const rows = (): Promise<number> => countRows(databaseUrl, 'SELECT count(*) FROM message');
  const settled = async (): Promise<boolean> =>
    (await rows()) >= expected.messages &&
    (await counted(httpUrl, 'inorder_logic_duplicates_total')) >= expected.duplicates;
  await until(`${expected.messages} rows`, settled, 120_000);
  const deliveredCount = async (): Promise<boolean> =>
    (await readWithForeignClient(brokers, 'im.delivery')).length >= expected.messages;
  await until('everything delivered', deliveredCount, 60_000);

  const delivered = await readWithForeignClient(brokers, 'im.delivery');
  expect(await compareTopicAndTable(delivered, databaseUrl)).toEqual([]);
  expect(delivered.length).toBe(expected.messages);
  expect(await counted(httpUrl, 'inorder_logic_duplicates_total')).toBe(expected.duplicates);
  const dead = await inorder(['dlq', 'list', '--json', '--limit', String(COUNT)], env);
  expect(reasonsOf(dead)).toEqual(expected.deadLettersByReason);

  expect(await stack.stop()).toBe(0);
  const again = await start();
  expect(again.brokers).toEqual(brokers);
  expect(await rows()).toBe(expected.messages);
  await inorder(['produce', '--from', 'alice', '--to', 'bob', '--text', 'after the restart'], env);
  const tail = ['tail', '--from-beginning', '--between', 'alice,bob', '--count', '1', '--json'];
  expect(JSON.parse(await inorder(tail, env))).toMatchObject({ seq: 1, senderId: 'alice' });
}, 600_000);

async function counted(httpUrl: string, name: string): Promise<number> {
  const text = await (await fetch(`${httpUrl}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
}

/** How many dead letters have which reason, as `dlq list --json` tells. */
function reasonsOf(output: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const line of output.trim().split('\n')) {
    const { reason } = JSON.parse(line) as { reason: string };
    counts[reason] = (counts[reason] ?? 0) + 1;
  }
  return counts;
}
