import { beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import type { Database } from '../../src/postgres/database.js';
import { migrate } from '../../src/postgres/migrate.js';
import type { PostgresOptions } from '../../src/postgres/options.js';
import { readLaneEpoch } from '../../src/postgres/read-lane-epoch.js';
import { configureSession } from '../../src/postgres/session.js';
import { storePlan } from '../../src/postgres/store-plan.js';
import { takeLane } from '../../src/postgres/take-lane.js';
import type { ConversationId } from '../../src/protocol/ids.js';
import { silentLog } from '../../src/observe/log.js';
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

/** Backends that wait for a lock, by the beginning of their statement. */
async function waitingFor(statement: string): Promise<number[]> {
  const { rows } = await schema.client.query<{ pid: number }>(
    `SELECT pid FROM pg_stat_activity
      WHERE wait_event_type = 'Lock' AND query LIKE $1 AND query LIKE '%lane%' AND application_name = $2`,
    [`${statement}%`, schema.name],
  );
  return rows.map(({ pid }) => pid);
}

/** Named after the schema, so that other test files' sessions aren't taken for ours. */
function openOurs(options: Partial<PostgresOptions> = {}): Database {
  return schema.open({ applicationName: schema.name, ...options });
}

test('each reign has a higher epoch and begins where the last one stopped', async () => {
  const partition = nextPartition++;
  expect(await readLaneEpoch(db, partition)).toBeNull();
  const first = await takeLane(db, { partition, owner: 'first' });
  expect(first).toEqual({ laneEpoch: 1, nextOffset: 0, lastMsgId: 0n });
  const message = stampedMessage({ conversationId: 'group:reigns' as ConversationId, msgId: (2n ** 62n) as never });
  await storePlan(db, { partition, laneEpoch: first.laneEpoch, plan: planOf([message], 0, 7) });
  expect(await takeLane(db, { partition, owner: 'second' })).toEqual({
    laneEpoch: 2,
    nextOffset: 7,
    lastMsgId: 2n ** 62n,
  });
  expect(await readLaneEpoch(db, partition)).toBe(2);
  const { rows } = await schema.client.query<{ owner: string; age_ms: number }>(
    `SELECT owner, extract(epoch FROM now()) * 1000 - taken_at AS age_ms FROM lane WHERE partition = $1`,
    [partition],
  );
  expect(rows[0]?.owner).toBe('second');
  expect(Math.abs(Number(rows[0]?.age_ms))).toBeLessThan(60_000);
});

test('lanes that many take for the first time at once get different epochs', async () => {
  const partition = nextPartition++;
  const reigns = await Promise.all(Array.from({ length: 6 }, () => takeLane(db, { partition, owner: 'x' })));
  expect(reigns.map(({ laneEpoch }) => Number(laneEpoch)).sort()).toEqual([1, 2, 3, 4, 5, 6]);
});

test('a takeover waits behind a statement in flight and sees what it stored', async () => {
  const partition = nextPartition++;
  const ours = openOurs();
  const { laneEpoch } = await takeLane(db, { partition, owner: 'former' });
  const conversationId = 'group:in-flight' as ConversationId;
  const plan = planOf([stampedMessage({ conversationId })], 0, 1);

  // An uncommitted row with the message's key: the former owner's statement has the lane's row and waits for this one.
  const blocker = await schema.connect();
  await blocker.query('BEGIN');
  await insertMessage(blocker, conversationId);
  const storing = storePlan(ours, { partition, laneEpoch, plan });
  await until('the statement is in flight', async () => (await waitingFor('WITH fence')).length === 1);
  const taking = takeLane(ours, { partition, owner: 'successor' });
  await until('the takeover waits', async () => (await waitingFor('UPDATE lane')).length === 1);
  await blocker.query('ROLLBACK');

  expect(await storing).toEqual({ kind: 'stored' });
  expect(await taking).toEqual({ laneEpoch: 2, nextOffset: 1, lastMsgId: 1n });
});

test('a statement that arrives after the takeover stores nothing', async () => {
  const partition = nextPartition++;
  const ours = openOurs();
  const { laneEpoch } = await takeLane(db, { partition, owner: 'former' });
  const blocker = await schema.connect();
  await blocker.query('BEGIN');
  await blocker.query('UPDATE lane SET epoch = epoch + 1 WHERE partition = $1', [partition]); // a takeover in flight
  const message = stampedMessage({ conversationId: 'group:late' as ConversationId });
  const storing = storePlan(ours, { partition, laneEpoch, plan: planOf([message], 0, 1) });
  await until('the statement waits for the takeover', async () => (await waitingFor('WITH fence')).length === 1);
  await blocker.query('COMMIT');
  expect(await storing).toEqual({ kind: 'fenced' });
});

test('a take whose connection was lost, and that the server gets late, cannot fence a later one', async () => {
  const partition = nextPartition++;
  await takeLane(db, { partition, owner: 'former' });
  const { gate, url } = await schema.gate();
  const applicationName = `${schema.name} lost`;
  gate.holdFrom('UPDATE lane');
  const lost = takeLane(schema.open({ url, applicationName }), { partition, owner: 'worker, first try' }).catch(
    (error: unknown) => error,
  );
  await until('the first take is on its way', () => gate.holds);
  const { laneEpoch } = await takeLane(db, { partition, owner: 'worker, second try' });
  gate.cutAndDeliverHeld();
  expect(await lost).toMatchObject({ code: 'postgres_unavailable' });
  await until('the server has done what it got late', async () => {
    const { rowCount } = await schema.client.query('SELECT FROM pg_stat_activity WHERE application_name = $1', [
      applicationName,
    ]);
    return rowCount === 0;
  });
  expect(await readLaneEpoch(db, partition)).toBe(laneEpoch);
});

describe('nobody holds a lane for ever', () => {
  test('a takeover gives up in time, and may try again', async () => {
    const partition = nextPartition++;
    await takeLane(db, { partition, owner: 'former' });
    const blocker = await schema.connect();
    await blocker.query('BEGIN');
    await blocker.query('SELECT FROM lane WHERE partition = $1 FOR UPDATE', [partition]);
    const impatient = openOurs({ statementTimeoutMs: 1_000 });
    await expect(takeLane(impatient, { partition, owner: 'successor' })).rejects.toMatchObject({
      code: 'postgres_unavailable',
      retryable: true,
      message: expect.stringContaining('lock timeout') as unknown,
    });
    await blocker.query('ROLLBACK');
    expect((await takeLane(impatient, { partition, owner: 'successor' })).laneEpoch).toBe(2);
  });

  test('the server ends the transaction of a worker that was stopped before it sent the last byte', async () => {
    const partition = nextPartition++;
    const { laneEpoch } = await takeLane(db, { partition, owner: 'former' });
    const stopped = await stoppedInFlight(partition, laneEpoch, async (client) => {
      await configureSession(client, {
        url: '',
        maxConnections: 1,
        statementTimeoutMs: 300,
        idleInTransactionTimeoutMs: 300,
        connectTimeoutMs: 1_000,
        applicationName: '',
      });
    });
    const { laneEpoch: next } = await takeLane(openOurs(), { partition, owner: 'successor' });
    expect(next).toBe(laneEpoch + 1);
    await until('the stopped session is gone', async () => (await sessions(stopped)) === 0);
  });

  test('twin: without the transaction timeout that worker keeps the row, whatever the other limits are', async () => {
    const partition = nextPartition++;
    const { laneEpoch } = await takeLane(db, { partition, owner: 'former' });
    const stopped = await stoppedInFlight(partition, laneEpoch, async (client) => {
      await client.query(`SET statement_timeout = 300; SET lock_timeout = 300;
                          SET idle_in_transaction_session_timeout = 300; SET transaction_timeout = 0`);
    });
    const patient = openOurs({ statementTimeoutMs: 1_500 });
    await expect(takeLane(patient, { partition, owner: 'successor' })).rejects.toMatchObject({ retryable: true });
    expect(await sessions(stopped)).toBe(1);
    await schema.client.query('SELECT pg_terminate_backend($1)', [stopped]);
  });
});

/** A worker as SIGSTOP may leave it: Execute was sent, Sync was not. Returns its backend once it holds the lane's row. */
async function stoppedInFlight(
  partition: number,
  laneEpoch: number,
  configure: (client: pg.Client) => Promise<void>,
): Promise<number> {
  const client = await schema.connect();
  await configure(client);
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const pid = rows[0]!.pid;
  const wire = (client as unknown as { connection: Wire }).connection;
  wire.parse({ name: 'stopped', text: 'UPDATE lane SET next_offset = 100 WHERE partition = $1 AND epoch = $2' });
  wire.bind({ statement: 'stopped', values: [String(partition), String(laneEpoch)] });
  wire.execute({});
  wire.flush();
  await until('it holds the row', async () => {
    const { rowCount } = await schema.client.query('SELECT FROM lane WHERE partition = $1 FOR UPDATE SKIP LOCKED', [
      partition,
    ]);
    return rowCount === 0;
  });
  return pid;
}

interface Wire {
  parse(message: { name: string; text: string }): void;
  bind(message: { statement: string; values: string[] }): void;
  execute(message: object): void;
  flush(): void;
}

async function sessions(pid: number): Promise<number> {
  const { rowCount } = await schema.client.query('SELECT FROM pg_stat_activity WHERE pid = $1', [pid]);
  return rowCount ?? 0;
}

async function insertMessage(client: pg.Client, conversationId: string): Promise<void> {
  await client.query(
    `INSERT INTO message (seq, msg_id, sent_at, received_at, stamped_at, lane_epoch, ingest_offset, partition,
                          ingest_partition, late, conversation_id, sender_id, group_id, client_msg_id, content_hash, body)
     VALUES (1, 1, 0, 0, 0, 0, 0, 0, 0, false, $1, 's', 'g', 'c', '', '1')`,
    [conversationId],
  );
}
