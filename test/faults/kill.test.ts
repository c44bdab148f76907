/**
 * The pipeline under kill -9, SIGSTOP and dying servers, as processes, under load; then topic and table are held
 * against each other by readers that are not ours. Short by default; the full run of the README:
 *
 *   INORDER_TEST_KILLS=20 INORDER_TEST_STOPS=3 INORDER_TEST_COUNT=200000 npm test -- --selectProjects faults -t kill
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SeededRandom } from '../../src/workload/random.js';
import { makeDataDir, type TestDataDir } from '../support/data-dir.js';
import { compareTopicAndTable, countRows } from '../support/compare.js';
import { readWithForeignClient } from '../support/foreign-reader.js';
import { until } from '../support/until.js';
import { DeliveryTimes } from './delivery-times.js';
import { inorder, InorderProcess } from '../support/stage-process.js';

const KILLS = Number(process.env['INORDER_TEST_KILLS'] ?? 3);
const STOPS = Number(process.env['INORDER_TEST_STOPS'] ?? 1);
const COUNT = Number(process.env['INORDER_TEST_COUNT'] ?? 60_000);
const SESSION_TIMEOUT_MS = 6_000;
const LANES = [0, 1, 2, 3, 4, 5, 6, 7];
const SEED = Number(process.env['INORDER_TEST_SEED'] ?? Date.now() % 1_000_000);

interface Stack {
  readonly brokers: string[];
  readonly databaseUrl: string;
  readonly pids: { kafka: number; postgres: number };
}

interface LoadSummary {
  readonly acknowledged: number;
  readonly expected: { readonly messages: number; readonly deadLetters: number };
}

let dataDir: TestDataDir;
let servers: InorderProcess;
const processes: InorderProcess[] = [];

beforeAll(async () => {
  dataDir = await makeDataDir();
  servers = new InorderProcess(['servers'], { ...ports, INORDER_DATA_DIR: dataDir.path });
  await servers.printed(/^PostgreSQL /m, 120_000);
}, 180_000);

afterAll(async () => {
  await Promise.all(processes.map((one) => one.kill()));
  await servers.stop();
  await dataDir.remove();
}, 60_000);

const ports = { INORDER_KAFKA_PORT: '0', INORDER_PG_PORT: '0' };

async function stack(): Promise<Stack> {
  return JSON.parse(await readFile(join(dataDir.path, 'stack.json'), 'utf8')) as Stack;
}

test(
  'nothing is lost, doubled or inverted when workers, ingest and the servers are killed under load',
  async () => {
    const { brokers, databaseUrl, pids } = await stack();
    const env = { KAFKA_BROKERS: brokers.join(','), DATABASE_URL: databaseUrl, LOG_LEVEL: 'info' };
    const run = (...args: string[]): InorderProcess => {
      const started = new InorderProcess(args, env);
      processes.push(started);
      return started;
    };
    await inorder(['topics'], env);
    await inorder(['migrate'], env);
    const tail = run('tail', '--json', '--from-beginning');
    const times = new DeliveryTimes(tail);
    const ingest = run('run', 'ingest');
    const workers = [run('run', 'logic'), run('run', 'logic')];
    await Promise.all(workers.map((worker) => worker.printed(/lane taken over/)));

    const roundMs = 10_000;
    const rate = Math.ceil(COUNT / (((KILLS + STOPS * 1.5 + 3) * roundMs) / 1000));
    const load = run(
      ...['produce', '--rate', String(rate), '--conversations', '200'], // until told to end: after the last fault
      ...['--duplicates', '5%', '--bad', '1%', '--seed', String(SEED), '--json'],
    );
    const random = new SeededRandom(SEED);
    const takeovers: number[] = [];
    const say = (line: string): void => {
      process.stderr.write(`  [kill, seed ${SEED}] ${line}\n`);
    };

    for (let kill = 0; kill < KILLS; kill++) {
      await times.flowing(LANES);
      await times.moment(random.fraction() * 2_000);
      const at = random.fraction() < 0.5 ? 0 : 1;
      const victim = workers[at] as InorderProcess;
      const lanes = await lanesOf(databaseUrl, victim.pid);
      await victim.kill();
      const killedMs = Date.now();
      workers[at] = run('run', 'logic');
      const tookMs = await times.firstFrom(lanes, killedMs + 500, 30_000);
      takeovers.push(tookMs - killedMs);
      say(`kill -9 of pid ${victim.pid} (lanes ${lanes.join(' ')}): first delivery after ${tookMs - killedMs} ms`);
    }
    for (let stop = 0; stop < STOPS; stop++) {
      await times.flowing(LANES);
      const paused = workers[stop % 2] as InorderProcess;
      const lanes = await lanesOf(databaseUrl, paused.pid);
      paused.signal('SIGSTOP');
      const stoppedMs = Date.now();
      await times.firstFrom(lanes, stoppedMs + SESSION_TIMEOUT_MS / 2, 30_000);
      paused.signal('SIGCONT');
      say(`SIGSTOP of pid ${paused.pid} beyond the session time-out, SIGCONT after ${Date.now() - stoppedMs} ms`);
    }
    await times.flowing(LANES);
    const leaver = workers[0] as InorderProcess;
    // It may have been paused just now, and be without lanes until the group has met again.
    const left = await until(
      'lanes of who leaves',
      async () => nonEmpty(await lanesOf(databaseUrl, leaver.pid)),
      30_000,
    );
    const stopMs = Date.now();
    expect(await leaver.stop()).toBe(0);
    await times.flowing(left);
    say(`clean stop of pid ${leaver.pid}: longest silence ${times.longestSilenceMs(left, stopMs, Date.now())} ms`);
    workers[0] = run('run', 'logic');
    await workers[0].printed(/lane taken over/);

    await times.flowing(LANES);
    await ingest.kill();
    run('run', 'ingest');
    say('kill -9 of ingest');
    await times.flowing(LANES);
    process.kill(pids.postgres, 'SIGKILL');
    say('kill -9 of PostgreSQL');
    await until('PostgreSQL again', async () => (await stack()).pids.postgres !== pids.postgres, 30_000);
    await times.flowing(LANES);
    process.kill(pids.kafka, 'SIGKILL');
    say('kill -9 of Kafka');
    await until('Kafka again', async () => (await stack()).pids.kafka !== pids.kafka, 60_000);
    await times.flowing(LANES);

    await until(`${COUNT / 2} deliveries`, () => times.count >= COUNT / 2, 120_000);
    load.signal('SIGINT');
    expect((await load.exit).code).toBe(0);
    const { acknowledged, expected } = JSON.parse(load.stdout) as LoadSummary;
    const rows = (): Promise<number> => countRows(databaseUrl, 'SELECT count(*) FROM message');
    await until(`${expected.messages} rows`, async () => (await rows()) >= expected.messages, 120_000);
    await until(`${expected.messages} deliveries`, () => times.count >= expected.messages, 60_000);

    const delivered = await readWithForeignClient(brokers, 'im.delivery');
    const dead = await readWithForeignClient(brokers, 'im.dlq');
    say(
      `${acknowledged} acknowledged, ${delivered.length} delivered, ${dead.length} dead letters; takeovers ${summary(takeovers)}`,
    );
    expect(await compareTopicAndTable(delivered, databaseUrl)).toEqual([]);
    expect(delivered.length).toBe(expected.messages);
    expect(dead.length).toBeGreaterThanOrEqual(expected.deadLetters); // a crash may repeat one, with the same place
  },
  (KILLS + STOPS * 2 + 8) * 60_000,
);

function nonEmpty(lanes: number[]): number[] | null {
  return lanes.length > 0 ? lanes : null;
}

async function lanesOf(databaseUrl: string, pid: number): Promise<number[]> {
  const lanes: number[] = [];
  for (let partition = 0; partition < 8; partition++) {
    const owned = await countRows(
      databaseUrl,
      `SELECT count(*) FROM lane WHERE partition = ${partition} AND owner LIKE '% ${pid}'`,
    );
    if (owned === 1) lanes.push(partition);
  }
  return lanes;
}

function summary(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  return `median ${sorted[Math.floor(sorted.length / 2)] ?? '-'} ms, most ${sorted.at(-1) ?? '-'} ms`;
}
