/**
 * Workers with bad clocks, as processes: libfaketime sets the wall clock of a running one, the monotonic clock goes on.
 * The servers of this file live in a time zone of their own.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compareTopicAndTable, countRows } from '../support/compare.js';
import { makeDataDir, type TestDataDir } from '../support/data-dir.js';
import { fakeClock } from '../support/fake-clock.js';
import { readWithForeignClient, type ForeignRecord } from '../support/foreign-reader.js';
import { createTestSchema, testTopicPrefix } from '../support/isolation.js';
import { answerTo, startNtpServer } from '../support/ntp-server.js';
import { inorder, InorderProcess } from '../support/stage-process.js';
import { until } from '../support/until.js';

const HOUR_MS = 3_600_000;
const BATCH = 2_000;
/** Where summer and winter, half hours and quarters, and the date line are. */
const SERVERS_ZONE = 'Asia/Kathmandu';
const ZONES = ['Asia/Shanghai', 'America/St_Johns', 'Pacific/Kiritimati'];

let dataDir: TestDataDir;
let servers: InorderProcess;
const processes: InorderProcess[] = [];
const closers: (() => Promise<void> | void)[] = [];

beforeAll(async () => {
  dataDir = await makeDataDir();
  const ports = { INORDER_KAFKA_PORT: '0', INORDER_PG_PORT: '0' };
  servers = new InorderProcess(['servers'], { ...ports, TZ: SERVERS_ZONE, INORDER_DATA_DIR: dataDir.path });
  await servers.printed(/^PostgreSQL /m, 120_000);
}, 180_000);

afterAll(async () => {
  await Promise.all(processes.map((one) => one.kill()));
  for (const close of closers.reverse()) await close();
  await servers.stop();
  await dataDir.remove();
}, 60_000);

interface Pipeline {
  readonly env: Readonly<Record<string, string>>;
  readonly databaseUrl: string;
  /** How many messages are stored. */
  stored(): Promise<number>;
  /** Everything in a topic, once there are so many records. */
  read(topic: 'delivery' | 'dlq', count: number): Promise<ForeignRecord[]>;
}

/** Topics and tables of one test's own. */
async function pipeline(): Promise<Pipeline> {
  const stack = JSON.parse(await readFile(join(dataDir.path, 'stack.json'), 'utf8')) as {
    brokers: string[];
    databaseUrl: string;
  };
  const { url, drop } = await createTestSchema(stack.databaseUrl);
  closers.push(drop);
  const prefix = testTopicPrefix();
  const env = {
    KAFKA_BROKERS: stack.brokers.join(','),
    DATABASE_URL: url,
    INORDER_TOPIC_PREFIX: prefix,
    PATH: '', // chrony, where it runs, tells of the host's clock, which isn't the one that these tests set
  };
  await Promise.all([inorder(['topics'], env), inorder(['migrate'], env)]);
  return {
    env,
    databaseUrl: url,
    stored: () => countRows(url, 'SELECT count(*) FROM message'),
    read: async (topic, count) => {
      let records: ForeignRecord[] = [];
      const complete = async (): Promise<boolean> => {
        records = await readWithForeignClient(stack.brokers, `${prefix}.${topic}`);
        return records.length >= count;
      };
      await until(`${count} records in ${topic}`, complete, 60_000);
      return records;
    },
  };
}

/** A process of stages whose health and metrics can be asked. */
class Worker extends InorderProcess {
  constructor(stages: readonly string[], env: Readonly<Record<string, string>>, clockOffsetMs = 0) {
    super(['run', ...stages], env, { clockOffsetMs });
    processes.push(this);
  }

  #known: string | undefined;

  async #url(): Promise<string> {
    await this.printed(/http listening/);
    this.#known ??= /"url":"([^"]+)"/.exec(
      this.stderr.split('\n').find((line) => line.includes('http listening')) ?? '',
    )?.[1];
    return this.#known ?? '';
  }

  async health(): Promise<{ ready: boolean; reasons: string[]; warnings?: string[] }> {
    return (await (await fetch(`${await this.#url()}/readyz`)).json()) as Awaited<ReturnType<Worker['health']>>;
  }

  /** A sample of /metrics, or null where there is none of that name. */
  async metric(name: string): Promise<number | null> {
    const text = await (await fetch(`${await this.#url()}/metrics`)).text();
    const line = text.split('\n').find((one) => one.startsWith(`${name} `));
    return line === undefined ? null : Number(line.slice(name.length));
  }
}

const LEVELS = { ok: 0, warn: 1, alarm: 2, refuse: 3 } as const;

test('a clock at each limit has its level, steps under traffic are seen before they stamp, and nothing is lost', async () => {
  const { env, databaseUrl, stored, read } = await pipeline();
  const clock = fakeClock(HOUR_MS);
  closers.push(() => clock.remove());
  const ntp = await startNtpServer((question) => [answerTo(question)]);
  closers.push(() => ntp.close());
  const worker = new Worker(['logic'], { ...env, ...clock.env });
  const ingest = new Worker(['ingest'], { ...env, INORDER_NTP_SERVERS: `${ntp.host}:${ntp.port}` });
  const reached = (level: keyof typeof LEVELS): Promise<boolean> =>
    until(level, async () => (await worker.metric('inorder_clock_level')) === LEVELS[level], 20_000);

  // It starts an hour ahead: its lanes are taken, and not one message is stamped.
  await inorder(['produce', '--count', '200', '--seed', '1', '--json'], env);
  await until('records that wait', async () => ((await ingest.metric('inorder_ingest_records_total')) ?? 0) >= 200);
  await until('nothing but the clock in the way', async () => {
    const { ready, reasons } = await worker.health();
    return !ready && reasons.length === 1 && /^clock: .* ms ahead of PostgreSQL/.test(reasons[0] ?? '');
  });
  expect(await stored()).toBe(0);
  expect(await countRows(databaseUrl, 'SELECT sum(next_offset) AS count FROM lane')).toBe(0);
  clock.set(0);
  await until('all stored once the clock is right', async () => (await stored()) === 200, 20_000);

  const traffic = new InorderProcess(['produce', '--rate', '300', '--count', '3000', '--seed', '2', '--json'], env);
  processes.push(traffic);
  for (const sign of [1, -1]) {
    for (const [ms, level] of [
      ...([[50, 'warn'], [200, 'alarm'], [400, 'refuse'], [HOUR_MS, 'refuse'], [200, 'alarm'], [0, 'ok']] as const), // prettier-ignore
    ]) {
      clock.set(sign * ms);
      await reached(level);
      if (ms === 200) expect((await worker.health()).warnings).toHaveLength(1);
    }
  }
  expect(await traffic.exit).toEqual({ code: 0, signal: null });
  await until('all stored', async () => (await stored()) === 3_200, 60_000);
  const sources = ['inorder_clock_offset_ms{source="postgres"}', 'inorder_clock_offset_ms{source="kafka"}'];
  for (const source of sources) expect(Math.abs((await worker.metric(source)) ?? NaN)).toBeLessThan(200);
  expect(await ingest.metric('inorder_clock_offset_ms{source="ntp"}')).not.toBeNull();
  expect([await worker.stop(), await ingest.stop()]).toEqual([0, 0]);

  // No stamp is from a clock that was refused: all lie by the broker's time of arrival.
  const off = 'abs(stamped_at - received_at)';
  expect(await countRows(databaseUrl, `SELECT max(${off}) AS count FROM message`)).toBeLessThan(HOUR_MS / 2);
  expect(await countRows(databaseUrl, 'SELECT count(DISTINCT msg_id) FROM message')).toBe(3_200);
  expect(await compareTopicAndTable(await read('delivery', 3_200), databaseUrl)).toEqual([]);
}, 120_000);

test('the time zones of stages, of the broker and of PostgreSQL change nothing', async () => {
  const startedMs = Date.now();
  const runs = await Promise.all(
    ZONES.map(async (zone) => {
      const { env, databaseUrl, read } = await pipeline();
      const zoned = new URL(databaseUrl);
      zoned.searchParams.set('options', `${zoned.searchParams.get('options') ?? ''} -c timezone=${zone}`);
      const zonedEnv = { ...env, TZ: zone, DATABASE_URL: zoned.href.replaceAll('+', '%20') };
      const worker = new Worker(['ingest', 'logic'], zonedEnv);
      const envelopes = Array.from({ length: 50 }, (_, index) =>
        JSON.stringify({
          ...{ senderId: `s${index % 5}`, groupId: 'g', clientMsgId: `m${index}`, body: index },
          ...{ sentAt: Date.UTC(2026, 2, 29, 0, 30) + index * 60_000, senderSeq: 1 + Math.floor(index / 5) },
        }),
      );
      await inorder(['produce', '-', '--force', '--json'], zonedEnv, [...envelopes, '{"bad":true}'].join('\n'));
      const delivered = await read('delivery', envelopes.length);
      await read('dlq', 1);
      const { refusedAt } = JSON.parse(await inorder(['dlq', 'list', '--json'], zonedEnv)) as { refusedAt: string };
      expect(await worker.stop()).toBe(0);
      return { delivered, refusedAt };
    }),
  );
  const endedMs = Date.now();
  const isNow = (ms: number): boolean => ms >= startedMs - 1_000 && ms <= endedMs + 1_000;
  const comparable = runs.map(({ delivered, refusedAt }) => {
    expect(refusedAt).toMatch(/Z$/);
    expect(isNow(Date.parse(refusedAt))).toBe(true);
    return delivered.map(({ key, value }) => {
      const { msgId, receivedAt, stampedAt, ...rest } = JSON.parse(value) as Record<string, string | number>;
      const idMs = Number(BigInt(msgId ?? 0) >> 22n) + Date.UTC(2025, 0, 1);
      expect([idMs, receivedAt, stampedAt].map((ms) => isNow(Number(ms)))).toEqual([true, true, true]);
      return { key, ...rest };
    });
  });
  expect(comparable[1]).toEqual(comparable[0]);
  expect(comparable[2]).toEqual(comparable[0]);
}, 120_000);

test('msgIds grow per conversation while workers an hour ahead and an hour behind take over from each other', async () => {
  const { env, databaseUrl, stored, read } = await pipeline();
  const ingest = new Worker(['ingest'], env);
  const offsets = [HOUR_MS, -HOUR_MS, HOUR_MS, 0];
  for (const [round, clockOffsetMs] of offsets.entries()) {
    // With its defaults such a worker stamps nothing; what holds the ids is the floor, and that is tested here.
    const worker = new Worker(['logic'], { ...env, INORDER_CLOCK_REFUSE_MS: '0' }, clockOffsetMs);
    const load = ['--count', String(BATCH), '--conversations', '50', '--seed', String(round)];
    await inorder(['produce', ...load, '--json'], env);
    await until('the round stored', async () => (await stored()) >= BATCH * (round + 1), 60_000);
    const ahead = async (): Promise<number> => (await worker.metric('inorder_logic_ids_ahead_ms')) ?? 0;
    await until('ids an hour ahead of the true time', async () => (await ahead()) > HOUR_MS / 2);
    expect(await ahead()).toBeLessThan(1.5 * HOUR_MS);
    expect(await worker.stop()).toBe(0);
  }
  await ingest.stop();
  const delivered = await read('delivery', BATCH * offsets.length);

  // The workers really believed in different hours …
  const spread = await countRows(databaseUrl, 'SELECT max(stamped_at) - min(stamped_at) AS count FROM message');
  expect(spread).toBeGreaterThan(2 * HOUR_MS - 60_000);
  // … and the order doesn't show it: compare holds msgIds to growth, per partition and so per conversation.
  expect(await compareTopicAndTable(delivered, databaseUrl)).toEqual([]);
}, 300_000);
