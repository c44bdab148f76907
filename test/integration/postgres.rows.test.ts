import { beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isDeepStrictEqual } from 'node:util';
import type { Database } from '../../src/postgres/database.js';
import { findStored } from '../../src/postgres/find-stored.js';
import { loadHeads } from '../../src/postgres/load-heads.js';
import { migrate } from '../../src/postgres/migrate.js';
import { readHistory } from '../../src/postgres/read-history.js';
import { readUnforwarded } from '../../src/postgres/read-unforwarded.js';
import { storePlan } from '../../src/postgres/store-plan.js';
import { takeLane } from '../../src/postgres/take-lane.js';
import type { ConversationId, MsgId, Seq } from '../../src/protocol/ids.js';
import type { Stamped, StampedMessage } from '../../src/protocol/message.js';
import { silentLog } from '../../src/observe/log.js';
import { stampedBatch } from '../support/arbitrary-stamped.js';
import { testSchema } from '../support/postgres-schema.js';
import { planOf, stampedDeadLetter, stampedMessage } from '../support/stamped.js';

const schema = testSchema();
let db: Database;
let nextPartition = 0;

beforeAll(async () => {
  db = schema.open();
  await migrate(db, silentLog);
});

/** Stores these in a lane of their own and returns its partition. */
async function store(stamped: readonly Stamped[]): Promise<number> {
  const partition = nextPartition++;
  const { laneEpoch } = await takeLane(db, { partition, owner: 'test' });
  const outcome = await storePlan(db, { partition, laneEpoch, plan: planOf(stamped, 0, 1_000) });
  expect(outcome).toEqual({ kind: 'stored' });
  return partition;
}

async function readAll(partition: number): Promise<Stamped[]> {
  return readUnforwarded(db, { partition, afterMsgId: 0n as MsgId, limit: 10_000 });
}

describe('rows come back exactly as they were stored', () => {
  test('whatever a batch holds', async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(stampedBatch(2n ** 62n), async (batch) => {
        const ofThisRun = `group:run ${++run} `; // conversations that no other run has
        const stamped = batch.map((one) =>
          one.kind === 'message' ? { ...one, conversationId: (ofThisRun + one.conversationId) as ConversationId } : one,
        );
        const read = await readAll(await store(stamped));
        if (!isDeepStrictEqual(read, stamped)) expect(read).toEqual(stamped); // jest is slow with bytes, but tells more
      }),
      { numRuns: 60 },
    );
  });

  test('bodies byte for byte, where a parser would change them', async () => {
    const bodies = [
      '1e400',
      '9007199254740993',
      '-0',
      '0.1000000000000000055511151231257827021181583404541015625',
      '{ "b" : 1.0, "a":[ ] ,"\\u00fc":"\\uD83D\\uDE00\u{1F600}\\/"}',
      ' "\\u0000" ',
      JSON.stringify('ü'.repeat(10_000)),
    ];
    const stamped = bodies.map((body, index) =>
      stampedMessage({
        conversationId: 'group:bodies' as ConversationId,
        seq: (index + 1) as Seq,
        body: Buffer.from(body),
        meta: Buffer.from(`{"of": ${body.trim()}}`),
      }),
    );
    const partition = await store(stamped);
    expect(await readAll(partition)).toEqual(stamped);
    const { rows } = await schema.client.query<{ body: string; meta: string }>(
      'SELECT body, meta FROM message WHERE partition = $1 ORDER BY seq',
      [partition],
    );
    expect(rows).toEqual(bodies.map((body) => ({ body, meta: `{"of": ${body.trim()}}` })));
  });

  test('a dead letter: null, empty and arbitrary bytes differ', async () => {
    const headers = { a: Buffer.from([0, 255]), b: [Buffer.alloc(0), Buffer.from('x')] };
    const stamped = [
      stampedDeadLetter({ msgId: 1n as MsgId, record: { key: null, value: null, headers: {} } }),
      stampedDeadLetter({ msgId: 2n as MsgId, record: { key: Buffer.alloc(0), value: Buffer.alloc(0), headers } }),
      stampedDeadLetter({
        msgId: 3n as MsgId,
        record: { key: Buffer.from([0]), value: Buffer.from([255, 0]), headers },
      }),
    ];
    expect(await readAll(await store(stamped))).toEqual(stamped);
  });

  test('the longest ids that the contract allows fit into the indexes', async () => {
    const random = (): string =>
      Array.from({ length: 128 }, () => String.fromCodePoint(0x10000 + randomInt())).join('');
    const randomInt = (): number => Math.floor(Math.random() * 0x80000);
    const stamped = [
      stampedMessage({
        conversationId: `single:${random()}:${random()}` as ConversationId,
        senderId: random(),
        receiverId: random(),
        groupId: null,
        clientMsgId: random(),
      }),
    ];
    expect(await readAll(await store(stamped))).toEqual(stamped);
  });

  test('a U+0000 in what a dead letter says becomes a replacement character, and stops nothing', async () => {
    const partition = await store([stampedDeadLetter({ detail: 'field "a\0b"' })]);
    expect(await readAll(partition)).toMatchObject([{ detail: 'field "a\ufffdb"' }]);
  });
});

test('what a lane stored is read in msgId order, page by page, messages and dead letters merged, other lanes apart', async () => {
  const stamped = Array.from({ length: 25 }, (_, index) => {
    const msgId = BigInt(index + 1) as MsgId;
    if (index % 3 === 1) return stampedDeadLetter({ msgId });
    return stampedMessage({ msgId, conversationId: `group:page${25 - index}` as ConversationId });
  });
  const partition = await store(stamped);
  await store([stampedMessage({ msgId: 7n as MsgId, conversationId: 'group:elsewhere' as ConversationId })]);
  const read: Stamped[] = [];
  for (let afterMsgId = 4n as MsgId; ;) {
    const page = await readUnforwarded(db, { partition, afterMsgId, limit: 6 });
    expect(page.length).toBeLessThanOrEqual(6);
    read.push(...page);
    const last = page.at(-1);
    if (last === undefined) break;
    afterMsgId = last.msgId;
  }
  expect(read).toEqual(stamped.slice(4));
});

test('history is a range of seqs, in order, limited', async () => {
  const conversationId = 'group:history' as ConversationId;
  const stamped = Array.from({ length: 12 }, (_, index) => stampedMessage({ conversationId, seq: (index + 1) as Seq }));
  await store(stamped);
  const read = async (fromSeq: number, toSeq: number, limit: number): Promise<StampedMessage[]> =>
    readHistory(db, { conversationId, fromSeq: fromSeq as Seq, toSeq: toSeq as Seq, limit });
  expect(await read(3, 6, 100)).toEqual(stamped.slice(2, 6));
  expect(await read(3, 12, 2)).toEqual(stamped.slice(2, 4));
  expect(await read(12, 99, 100)).toEqual(stamped.slice(11));
  expect(await read(13, 99, 100)).toEqual([]);
});

test('heads are those of the conversations asked for; a new conversation has none', async () => {
  const [a, b] = ['group:heads-a' as ConversationId, 'single:ü:\u{1F600}' as ConversationId];
  await store([
    stampedMessage({ conversationId: a, seq: 1 as Seq, msgId: 1n as MsgId }),
    stampedMessage({ conversationId: b, seq: 1 as Seq, msgId: 2n as MsgId }),
    stampedMessage({ conversationId: a, seq: 2 as Seq, msgId: 3n as MsgId, clientMsgId: 'other' }),
  ]);
  const unknown = 'group:heads-none' as ConversationId;
  expect(await loadHeads(db, [a, unknown, b])).toEqual(
    new Map([
      [a, 2],
      [b, 1],
    ]),
  );
  expect(await loadHeads(db, [])).toEqual(new Map());
});

test('stored messages are found by conversation, sender and clientMsgId together', async () => {
  const conversationId = 'group:found' as ConversationId;
  const one = stampedMessage({ conversationId, clientMsgId: "c'\\1" });
  await store([one]);
  const { senderId, clientMsgId, contentHash, seq } = one;
  const key = { conversationId, senderId, clientMsgId };
  const found = await findStored(db, [
    { ...key, clientMsgId: 'C' },
    key,
    { ...key, senderId: 'bob' },
    { ...key, conversationId: 'group:other' as ConversationId },
  ]);
  expect(found).toEqual([{ ...key, contentHash, seq }]);
  expect(await findStored(db, [])).toEqual([]);
});

test('look-ups go through the indexes, also by plans made while the tables were empty', async () => {
  const single = schema.open({ maxConnections: 1 });
  const conversationId = 'group:planned' as ConversationId;
  await schema.client.query('TRUNCATE message, conversation');
  await single.query({ text: 'SET plan_cache_mode = force_generic_plan' });
  await loadHeads(single, [conversationId]);
  await findStored(single, [{ conversationId, senderId: 'alice', clientMsgId: 'c1' }]);
  for (const kept of [`load_heads ('{a}')`, `find_stored ('{a}', '{b}', '{c}')`]) {
    const plan = await single.query({ text: `EXPLAIN EXECUTE ${kept}` });
    const lines = plan.map((row) => row['QUERY PLAN']).join('\n');
    expect(lines).toContain('Index Scan');
    expect(lines).not.toMatch(/Seq Scan|Hash Join/);
  }
});
