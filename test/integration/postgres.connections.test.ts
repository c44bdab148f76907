import { beforeAll, describe, expect, test } from '@jest/globals';
import type { Log } from '../../src/observe/log.js';
import { silentLog } from '../../src/observe/log.js';
import { openDatabase, type Database } from '../../src/postgres/database.js';
import { migrate } from '../../src/postgres/migrate.js';
import { storePlan } from '../../src/postgres/store-plan.js';
import { takeLane } from '../../src/postgres/take-lane.js';
import type { ConversationId } from '../../src/protocol/ids.js';
import { testSchema } from '../support/postgres-schema.js';
import { planOf, stampedMessage } from '../support/stamped.js';
import { until } from '../support/until.js';

const schema = testSchema();
let db: Database;
let nextPartition = 0;

beforeAll(async () => {
  db = schema.open();
  await migrate(db, silentLog);
});

async function pidOf(database: Database): Promise<number> {
  const [row] = await database.query({ text: 'SELECT pg_backend_pid() AS pid' });
  return Number(row?.['pid']);
}

async function storedCount(partition: number): Promise<number> {
  const { rowCount } = await schema.client.query('SELECT FROM message WHERE partition = $1', [partition]);
  return rowCount ?? 0;
}

describe('the outcome of a store is unknown, and taking the lane tells', () => {
  test('when the backend is killed in flight', async () => {
    const partition = nextPartition++;
    const ours = schema.open({ maxConnections: 1 });
    const { laneEpoch } = await takeLane(ours, { partition, owner: 'former' });
    const pid = await pidOf(ours);
    const blocker = await schema.connect();
    await blocker.query('BEGIN');
    await blocker.query('SELECT FROM lane WHERE partition = $1 FOR UPDATE', [partition]);
    const message = stampedMessage({ conversationId: 'group:killed' as ConversationId });
    const storing = storePlan(ours, { partition, laneEpoch, plan: planOf([message], 0, 1) });
    await until('the statement is in flight', async () => {
      const { rowCount } = await schema.client.query(
        `SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Lock'`,
        [pid],
      );
      return rowCount === 1;
    });
    await schema.client.query('SELECT pg_terminate_backend($1)', [pid]);
    expect(await storing).toMatchObject({ kind: 'unknown', cause: { code: 'postgres_unavailable', retryable: true } });
    await blocker.query('ROLLBACK');

    expect(await takeLane(ours, { partition, owner: 'former' })).toMatchObject({ laneEpoch: 2, nextOffset: 0 });
    expect(await storedCount(partition)).toBe(0);
    expect(await pidOf(ours)).not.toBe(pid);
  });

  test('when the answer to a commit is lost: the rows are there', async () => {
    const partition = nextPartition++;
    const { gate, url } = await schema.gate();
    const ours = schema.open({ url, maxConnections: 1 });
    const { laneEpoch } = await takeLane(ours, { partition, owner: 'former' });
    gate.swallowAnswers();
    const message = stampedMessage({ conversationId: 'group:swallowed' as ConversationId });
    const storing = storePlan(ours, { partition, laneEpoch, plan: planOf([message], 0, 1) });
    await until('the server has committed', async () => (await storedCount(partition)) === 1);
    gate.cutConnections();
    expect(await storing).toMatchObject({ kind: 'unknown', cause: { code: 'postgres_unavailable' } });
    expect(await takeLane(ours, { partition, owner: 'former' })).toMatchObject({ laneEpoch: 2, nextOffset: 1 });
  });

  test('when the server does not answer any more', async () => {
    const partition = nextPartition++;
    const { gate, url } = await schema.gate();
    const ours = schema.open({ url, statementTimeoutMs: 1_000 });
    const { laneEpoch } = await takeLane(ours, { partition, owner: 'former' });
    gate.swallowAnswers();
    const outcome = await storePlan(ours, { partition, laneEpoch, plan: planOf([], 0, 1) });
    expect(outcome).toMatchObject({ kind: 'unknown', cause: { code: 'postgres_unavailable' } });
    gate.cutConnections();
    expect(await takeLane(ours, { partition, owner: 'former' })).toMatchObject({ laneEpoch: 2, nextOffset: 1 });
  });
});

describe('connections', () => {
  test('have their limits set', async () => {
    const ours = schema.open({ statementTimeoutMs: 7_000, idleInTransactionTimeoutMs: 3_000 });
    const names = {
      statement_timeout: '7s',
      lock_timeout: '5600ms',
      idle_in_transaction_session_timeout: '3s',
      transaction_timeout: '10s',
      tcp_keepalives_idle: '10',
      tcp_keepalives_interval: '5',
      tcp_keepalives_count: '3',
      default_transaction_isolation: 'read committed',
      synchronous_commit: 'on',
      application_name: 'inorder test',
    };
    const columns = Object.keys(names).map((name) => `current_setting('${name}') AS ${name}`);
    const [row] = await ours.query({ text: `SELECT ${columns.join(', ')}` });
    expect(row).toEqual(names);
  });

  test('never acknowledge a commit that a crash may forget', async () => {
    const url = new URL(schema.url);
    url.searchParams.set('options', `${url.searchParams.get('options')} -c synchronous_commit=off`);
    const ours = schema.open({ url: url.href.replaceAll('+', '%20') });
    const [row] = await ours.query({ text: `SELECT current_setting('synchronous_commit') AS setting` });
    expect(row).toEqual({ setting: 'on' });
  });

  test('that the server cut while idle are logged and replaced; nothing crashes', async () => {
    const warnings: string[] = [];
    const log: Log = { ...silentLog, warn: (event) => warnings.push(event), child: () => log };
    const ours = openDatabase(
      {
        url: schema.url,
        maxConnections: 2,
        statementTimeoutMs: 5_000,
        idleInTransactionTimeoutMs: 5_000,
        connectTimeoutMs: 5_000,
        applicationName: 'inorder test',
      },
      log,
    );
    try {
      const pid = await pidOf(ours);
      await schema.client.query('SELECT pg_terminate_backend($1)', [pid]);
      await until('the loss was seen', () => warnings.includes('idle connection lost'));
      expect(await pidOf(ours)).not.toBe(pid);
    } finally {
      await ours.close();
    }
  });

  test('come back when the server does', async () => {
    const partition = nextPartition++;
    const { gate, url } = await schema.gate();
    const ours = schema.open({ url });
    await takeLane(ours, { partition, owner: 'worker' });
    await gate.close();
    await expect(takeLane(ours, { partition, owner: 'x' })).rejects.toMatchObject({ code: 'postgres_unavailable' });
    await gate.open();
    expect((await takeLane(ours, { partition, owner: 'worker' })).laneEpoch).toBeGreaterThan(1);
  });

  test('wait for one another within the limit of the pool', async () => {
    const ours = schema.open({ maxConnections: 2, connectTimeoutMs: 1_000 });
    const pids = await Promise.all(Array.from({ length: 10 }, () => pidOf(ours)));
    expect(new Set(pids).size).toBe(2);
    const slow = Array.from({ length: 2 }, () => ours.query({ text: 'SELECT pg_sleep(2.5)' }));
    await expect(pidOf(ours)).rejects.toMatchObject({ code: 'postgres_unavailable', retryable: true });
    await Promise.all(slow);
  });

  test('end with close, after what is in flight; a second close is nothing', async () => {
    const ours = schema.open();
    const inFlight = ours.query({ text: `SELECT 'done' AS answer FROM pg_sleep(0.2)` });
    await pidOf(ours);
    await ours.close();
    await ours.close();
    expect(await inFlight).toEqual([{ answer: 'done' }]);
    await expect(pidOf(ours)).rejects.toMatchObject({ code: 'postgres_failed' });
  });
});

describe('an error a user may see names the place and what to do, never the password', () => {
  const PASSWORD = 's3cret-of-ours';

  test.each([
    ['nothing listens', { host: '127.0.0.1:1' }, /127\.0\.0\.1:1\/\w+: .*ECONNREFUSED.*DATABASE_URL/, true],
    ['no such host', { hostname: 'no-such-host.invalid' }, /no-such-host\.invalid.*check the host/, true],
    [
      'no such user',
      { username: 'nobody_here' },
      /SQLSTATE 28.*check the user and the password in DATABASE_URL/,
      false,
    ],
  ])('%s', async (_name, change, pattern, retryable) => {
    const url = Object.assign(new URL(schema.url), { password: PASSWORD }, change);
    const error: unknown = await pidOf(schema.open({ url: url.href })).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ retryable, message: expect.stringMatching(pattern) as unknown });
    expect((error as Error).message).not.toContain(PASSWORD);
  });

  test('no such database', async () => {
    const url = Object.assign(new URL(schema.url), { pathname: '/no_such_database' });
    await expect(pidOf(schema.open({ url: url.href }))).rejects.toMatchObject({
      code: 'postgres_failed',
      message: expect.stringMatching(/\/no_such_database: .*create the database/) as unknown,
    });
  });

  test('tables that are missing say how to get them', async () => {
    const empty = schema.open({ url: new URL('?options=-c%20search_path%3Dno_such_schema', schema.url).href });
    await expect(takeLane(empty, { partition: 0, owner: 'x' })).rejects.toMatchObject({
      code: 'postgres_failed',
      message: expect.stringContaining('run `inorder migrate`') as unknown,
    });
  });

  test('a URL that is none', () => {
    expect(() => schema.open({ url: 'postgres://u:s3cret@:no-port' })).toThrow(/DATABASE_URL/);
    expect(() => schema.open({ url: 'postgres://u:s3cret@:no-port' })).not.toThrow(/s3cret/);
  });
});
