import { beforeAll, describe, expect, test } from '@jest/globals';
import type { Database } from '../../src/postgres/database.js';
import type { Plan } from '../../src/ordering/plan.js';
import { loadSenders } from '../../src/postgres/load-senders.js';
import { migrate } from '../../src/postgres/migrate.js';
import { readHeld } from '../../src/postgres/read-held.js';
import { storePlan } from '../../src/postgres/store-plan.js';
import { takeLane } from '../../src/postgres/take-lane.js';
import type { ConversationId, LaneEpoch, LogicOffset, MsgId, Seq } from '../../src/protocol/ids.js';
import type { StampedMessage } from '../../src/protocol/message.js';
import { silentLog } from '../../src/observe/log.js';
import { testSchema } from '../support/postgres-schema.js';
import { heldMessage, planOf, stampedDeadLetter, stampedMessage } from '../support/stamped.js';

const schema = testSchema();
let db: Database;
const STORED = { kind: 'stored' };
let nextPartition = 0;

beforeAll(async () => {
  db = schema.open();
  await migrate(db, silentLog);
});

/** A lane of the test's own, taken by us, with conversations that no other test has. */
async function newLane(): Promise<{ partition: number; laneEpoch: LaneEpoch; conversationId: ConversationId }> {
  const partition = nextPartition++;
  const { laneEpoch } = await takeLane(db, { partition, owner: 'test' });
  return { partition, laneEpoch, conversationId: `group:p${partition}` as ConversationId };
}

async function everythingOf(partition: number): Promise<unknown> {
  const read = async (table: string, order: string): Promise<unknown[]> =>
    (
      await schema.client.query<Record<string, unknown>>(
        `SELECT * FROM ${table} WHERE partition = $1 ORDER BY ${order}`,
        [partition],
      )
    ).rows;
  return {
    lane: await read('lane', 'partition'),
    messages: await read('message', 'msg_id'),
    deadLetters: await read('dead_letter', 'msg_id'),
    conversations: await read('conversation', 'conversation_id'),
    held: await read('held_message', 'logic_offset'),
  };
}

async function laneRow(partition: number): Promise<unknown> {
  const { rows } = await schema.client.query('SELECT epoch, next_offset, last_msg_id FROM lane WHERE partition = $1', [
    partition,
  ]);
  return rows[0];
}

test('a plan moves the lane, its messages, dead letters and heads together', async () => {
  const { partition, laneEpoch, conversationId } = await newLane();
  const other = `single:p${partition}:x` as ConversationId;
  const plan = planOf(
    [
      stampedMessage({ conversationId, seq: 1 as Seq, msgId: 101n as MsgId, clientMsgId: 'a' }),
      stampedMessage({ conversationId: other, seq: 1 as Seq, msgId: 102n as MsgId, receiverId: 'x', groupId: null }),
      stampedDeadLetter({ msgId: 103n as MsgId }),
      stampedMessage({ conversationId, seq: 2 as Seq, msgId: 104n as MsgId, clientMsgId: 'b' }),
    ],
    0,
    9,
  );
  expect(await storePlan(db, { partition, laneEpoch, plan })).toEqual({ kind: 'stored' });
  expect(await laneRow(partition)).toEqual({ epoch: String(laneEpoch), next_offset: '9', last_msg_id: '104' });
  expect(await everythingOf(partition)).toMatchObject({
    messages: [
      { msg_id: '101', conversation_id: conversationId, seq: '1', lane_epoch: String(laneEpoch) },
      { msg_id: '102', conversation_id: other, seq: '1' },
      { msg_id: '104', conversation_id: conversationId, seq: '2' },
    ],
    deadLetters: [{ msg_id: '103', reason: 'conflicting_duplicate' }],
    conversations: [
      { conversation_id: conversationId, last_seq: '2', previous_last_seq: '0', last_msg_id: '104' },
      { conversation_id: other, last_seq: '1', last_msg_id: '102' },
    ],
  });
});

test('a plan that stamps nothing moves the position alone, a plan of dead letters has no heads', async () => {
  const { partition, laneEpoch } = await newLane();
  expect(await storePlan(db, { partition, laneEpoch, plan: planOf([], 0, 5) })).toEqual({ kind: 'stored' });
  expect(await laneRow(partition)).toMatchObject({ next_offset: '5', last_msg_id: '0' });
  const plan = planOf([stampedDeadLetter({ msgId: 1n as MsgId }), stampedDeadLetter({ msgId: 2n as MsgId })], 5, 7);
  expect(await storePlan(db, { partition, laneEpoch, plan })).toEqual({ kind: 'stored' });
  expect(await everythingOf(partition)).toMatchObject({ conversations: [], deadLetters: [{}, {}], messages: [] });
});

describe('the fence', () => {
  test('an older epoch stores nothing', async () => {
    const { partition, laneEpoch, conversationId } = await newLane();
    await takeLane(db, { partition, owner: 'successor' });
    const before = await everythingOf(partition);
    const stamped = [stampedMessage({ conversationId }), stampedDeadLetter({ msgId: 2n as MsgId })];
    expect(await storePlan(db, { partition, laneEpoch, plan: planOf(stamped, 0, 2) })).toEqual({ kind: 'fenced' });
    expect(await storePlan(db, { partition, laneEpoch, plan: planOf([], 0, 2) })).toEqual({ kind: 'fenced' });
    expect(await everythingOf(partition)).toEqual(before);
  });

  test('another position stores nothing, so that a batch is never stored twice', async () => {
    const { partition, laneEpoch, conversationId } = await newLane();
    const plan = planOf([stampedMessage({ conversationId })], 0, 1);
    expect(await storePlan(db, { partition, laneEpoch, plan })).toEqual({ kind: 'stored' });
    const before = await everythingOf(partition);
    expect(await storePlan(db, { partition, laneEpoch, plan })).toEqual({ kind: 'fenced' });
    const ahead = planOf([stampedMessage({ conversationId, seq: 2 as Seq })], 2, 3);
    expect(await storePlan(db, { partition, laneEpoch, plan: ahead })).toEqual({ kind: 'fenced' });
    expect(await everythingOf(partition)).toEqual(before);
  });

  test('a lane that nobody took is fenced', async () => {
    const plan = planOf([stampedMessage()], 0, 1);
    expect(await storePlan(db, { partition: 999, laneEpoch: 1 as LaneEpoch, plan })).toEqual({ kind: 'fenced' });
  });

  test('two owners who race for the same batches store each batch once, and the last owner ends it', async () => {
    const { partition, conversationId } = await newLane();
    const rival = schema.open();
    let stored = 0;
    const reign = async (owner: Database, name: string, batches: number): Promise<void> => {
      const { laneEpoch, nextOffset } = await takeLane(owner, { partition, owner: name });
      for (let offset: number = nextOffset; offset < nextOffset + batches; offset++) {
        const message = stampedMessage({ conversationId, seq: (offset + 1) as Seq, senderId: name });
        const outcome = await storePlan(owner, { partition, laneEpoch, plan: planOf([message], offset, offset + 1) });
        if (outcome.kind === 'fenced') return;
        expect(outcome).toEqual({ kind: 'stored' });
        stored += 1;
      }
    };
    const reigns = Array.from({ length: 8 }, (_, i) => reign(i % 2 === 0 ? db : rival, `owner${i}`, 10));
    await Promise.all(reigns);
    const { rows } = await schema.client.query<{ seq: string; lane_epoch: string }>(
      'SELECT seq, lane_epoch FROM message WHERE partition = $1 ORDER BY msg_id',
      [partition],
    );
    expect(rows.map(({ seq }) => Number(seq))).toEqual(Array.from({ length: stored }, (_, i) => i + 1));
    const epochs = rows.map((row) => Number(row.lane_epoch));
    expect(epochs).toEqual([...epochs].sort((a, b) => a - b));
    expect(await laneRow(partition)).toMatchObject({ next_offset: String(stored), epoch: '9' });
  });
});

describe('held messages', () => {
  test('are written with the position, read back as they were, and moved to the messages by the plan that stamps them', async () => {
    const { partition, laneEpoch, conversationId } = await newLane();
    const early = [
      heldMessage({ conversationId, senderSeq: 2, logicOffset: 0 as LogicOffset, traceparent: Buffer.from('00-1') }),
      heldMessage({ conversationId, senderSeq: 3, logicOffset: 1 as LogicOffset, meta: Buffer.from('{ "a":1e400}') }),
    ];
    expect(await storePlan(db, { partition, laneEpoch, plan: planOf([], 0, 2, { held: early }) })).toEqual(STORED);
    const rows = await readHeld(db, partition);
    expect(rows).toEqual(early.map(({ dueMs: _, sizeBytes: __, ...row }) => row));

    const first = { conversationId, senderSeq: 1, prevSenderSeq: 0 };
    const stamped = [
      stampedMessage({ ...first, seq: 1 as Seq }),
      stampedMessage({ ...first, ...rows[0], seq: 2 as Seq }),
    ];
    const released = early.slice(0, 1);
    const moved = await storePlan(db, { partition, laneEpoch, plan: planOf(stamped, 2, 3, { released, floor: 0n }) });
    expect(moved).toEqual(STORED);
    expect(await everythingOf(partition)).toMatchObject({
      lane: [{ next_offset: '3', last_msg_id: '2' }],
      messages: [{ sender_seq: '1' }, { sender_seq: '2', client_msg_id: 'held2' }],
      held: [{ sender_seq: '3', logic_offset: '1' }],
    });
  });

  test('go out without any record, once: the id floor fences where the position stays', async () => {
    const { partition, laneEpoch, conversationId } = await newLane();
    const early = heldMessage({ conversationId, logicOffset: 0 as LogicOffset });
    await storePlan(db, { partition, laneEpoch, plan: planOf([], 0, 1, { held: [early] }) });
    const release = (clientMsgId: string): Plan =>
      planOf([stampedMessage({ conversationId, clientMsgId })], 1, 1, { floor: 0n, released: [early] });
    expect(await storePlan(db, { partition, laneEpoch, plan: release('a') })).toEqual(STORED);
    const after = await everythingOf(partition);
    expect(after).toMatchObject({ lane: [{ next_offset: '1', last_msg_id: '1' }], held: [] });
    // Nothing but the floor tells that it is done: epoch and position are the same, the identity is another.
    expect(await storePlan(db, { partition, laneEpoch, plan: release('b') })).toEqual({ kind: 'fenced' });
    expect(await everythingOf(partition)).toEqual(after);
  });

  test('stay as they are where the lane has a new owner', async () => {
    const { partition, laneEpoch, conversationId } = await newLane();
    const early = heldMessage({ conversationId, logicOffset: 0 as LogicOffset });
    await storePlan(db, { partition, laneEpoch, plan: planOf([], 0, 1, { held: [early] }) });
    await takeLane(db, { partition, owner: 'successor' });
    const before = await everythingOf(partition);
    const stamped = [stampedMessage({ conversationId })];
    const release = planOf(stamped, 1, 1, { floor: 0n, released: [early] });
    expect(await storePlan(db, { partition, laneEpoch, plan: release })).toEqual({ kind: 'fenced' });
    const another = heldMessage({ conversationId, senderSeq: 5, logicOffset: 1 as LogicOffset });
    const hold = planOf([], 1, 2, { floor: 0n, held: [another] });
    expect(await storePlan(db, { partition, laneEpoch, plan: hold })).toEqual({ kind: 'fenced' });
    expect(await everythingOf(partition)).toEqual(before);
  });

  test('are refused where the message is stored already, which the lane had forgotten', async () => {
    const { partition, laneEpoch, conversationId } = await newLane();
    const stored = stampedMessage({ conversationId, clientMsgId: 'again' });
    await storePlan(db, { partition, laneEpoch, plan: planOf([stored], 0, 1) });
    const before = await everythingOf(partition);
    const early = heldMessage({ conversationId, clientMsgId: 'again', logicOffset: 1 as LogicOffset });
    const plan = planOf([], 1, 2, { floor: 1n, held: [early] });
    const outcome = await storePlan(db, { partition, laneEpoch, plan });
    expect(outcome).toEqual({ kind: 'conflict', constraint: 'held_message.content_hash' });
    expect(await everythingOf(partition)).toEqual(before);
  });
});

describe('how far a sender has come', () => {
  const numbered = (conversationId: ConversationId, seq: number, given: Partial<StampedMessage>): StampedMessage =>
    stampedMessage({ conversationId, seq: seq as Seq, clientMsgId: `n${seq}`, ...given });

  test('is its last message that was in turn, near the end or far back, late ones and others left out', async () => {
    const { partition, laneEpoch, conversationId } = await newLane();
    const others = Array.from({ length: 500 }, (_, i) =>
      numbered(conversationId, i + 4, { senderId: 'crowd', senderSeq: null }),
    );
    const all = [
      numbered(conversationId, 1, { senderId: 'quiet', senderSeq: 7, senderEpoch: 3, sentAt: 10 }),
      numbered(conversationId, 2, { senderId: 'quiet', senderSeq: 9, senderEpoch: 3, sentAt: 20 }),
      numbered(conversationId, 3, { senderId: 'quiet', senderSeq: 8, senderEpoch: 3, sentAt: 15, late: true }),
      ...others,
      numbered(conversationId, 504, {
        ...{ senderId: 'active', senderSeq: 1, sentAt: 30 },
        senderMarks: { highSentAt: 90, formerSentAt: 29 },
      }),
      numbered(conversationId, 505, { senderId: 'late only', senderSeq: 1, late: true }),
    ];
    expect(await storePlan(db, { partition, laneEpoch, plan: planOf(all, 0, 600) })).toEqual(STORED);
    const asked = ['quiet', 'active', 'crowd', 'late only', 'nobody'].map((senderId) => ({ conversationId, senderId }));
    const found = new Map((await loadSenders(db, asked)).map(({ senderId, head }) => [senderId, head]));
    expect(found).toEqual(
      new Map([
        ['quiet', { epoch: 3, senderSeq: 9, highSentAt: 20, formerSentAt: null }],
        ['active', { epoch: 0, senderSeq: 1, highSentAt: 90, formerSentAt: 29 }],
      ]),
    );
  });
});

describe('a conflict leaves nothing', () => {
  test.each([
    ['a seq that is taken', { seq: 1 as Seq, clientMsgId: 'new' }, /message_pkey/],
    ['an identity that is taken', { seq: 2 as Seq, clientMsgId: 'taken' }, /client_msg_id/],
    ['a head behind the cache: a gap', { seq: 3 as Seq, clientMsgId: 'new' }, /conversation\.last_seq/],
  ])('%s', async (_name, given, constraint) => {
    const { partition, laneEpoch, conversationId } = await newLane();
    const first = stampedMessage({ conversationId, seq: 1 as Seq, clientMsgId: 'taken' });
    await storePlan(db, { partition, laneEpoch, plan: planOf([first], 0, 1) });
    const before = await everythingOf(partition);
    const elsewhere = `${conversationId}-b` as ConversationId;
    const plan = planOf(
      [
        stampedMessage({ conversationId: elsewhere, msgId: 50n as MsgId }),
        stampedDeadLetter({ msgId: 51n as MsgId }),
        stampedMessage({ conversationId, msgId: 52n as MsgId, ...given }),
      ],
      1,
      4,
      { floor: 1n },
    );
    const outcome = await storePlan(db, { partition, laneEpoch, plan });
    expect(outcome).toEqual({ kind: 'conflict', constraint: expect.stringMatching(constraint) as unknown });
    expect(await everythingOf(partition)).toEqual(before);
  });

  test('a conversation of another lane', async () => {
    const [one, two] = [await newLane(), await newLane()];
    const { conversationId } = one;
    await storePlan(db, { ...one, plan: planOf([stampedMessage({ conversationId })], 0, 1) });
    const strayed = stampedMessage({ conversationId, seq: 2 as Seq, msgId: 9n as MsgId });
    const outcome = await storePlan(db, { ...two, plan: planOf([strayed], 0, 1) });
    expect(outcome).toEqual({ kind: 'conflict', constraint: 'conversation.last_seq' });
    expect(await everythingOf(two.partition)).toMatchObject({ messages: [], lane: [{ next_offset: '0' }] });
  });

  test('the same connection stores the next plan', async () => {
    const single = schema.open({ maxConnections: 1 });
    const { partition, laneEpoch, conversationId } = await newLane();
    const pids = new Set<string | null | undefined>();
    for (const [seq, kind] of [
      [1, 'stored'],
      [1, 'conflict'],
      [2, 'stored'],
    ] as const) {
      const from = seq - 1 + (kind === 'conflict' ? 1 : 0);
      const floor = BigInt(from);
      const plan = planOf([stampedMessage({ conversationId, seq: seq as Seq })], from, from + 1, { floor });
      expect((await storePlan(single, { partition, laneEpoch, plan })).kind).toBe(kind);
      pids.add((await single.query({ text: 'SELECT pg_backend_pid() AS pid' }))[0]?.['pid']);
    }
    expect(pids.size).toBe(1);
  });
});

test('what the server refuses is known to be undone, and says whether trying again may help', async () => {
  const { partition, laneEpoch, conversationId } = await newLane();
  const invalid = stampedMessage({ conversationId, body: Buffer.from([0x22, 0xff, 0x22]) });
  const refused = await storePlan(db, { partition, laneEpoch, plan: planOf([invalid], 0, 1) });
  expect(refused).toMatchObject({ kind: 'refused', retryable: false, cause: { code: 'postgres_failed' } });

  const blocker = await schema.connect();
  await blocker.query('BEGIN');
  await blocker.query('SELECT FROM lane WHERE partition = $1 FOR UPDATE', [partition]);
  const impatient = schema.open({ statementTimeoutMs: 1_000 });
  const plan = planOf([stampedMessage({ conversationId })], 0, 1);
  const blocked = await storePlan(impatient, { partition, laneEpoch, plan });
  expect(blocked).toMatchObject({ kind: 'refused', retryable: true, cause: { code: 'postgres_unavailable' } });
  await blocker.query('ROLLBACK');

  expect(await everythingOf(partition)).toMatchObject({ messages: [], lane: [{ next_offset: '0' }] });
  expect(await storePlan(impatient, { partition, laneEpoch, plan })).toEqual({ kind: 'stored' });
});

test('a plan that was never sent is refused, not unknown', async () => {
  const nowhere = schema.open({ url: 'postgres://inorder:inorder@127.0.0.1:1/inorder' });
  const outcome = await storePlan(nowhere, { partition: 0, laneEpoch: 1 as LaneEpoch, plan: planOf([], 0, 1) });
  expect(outcome).toMatchObject({ kind: 'refused', retryable: true, cause: { code: 'postgres_unavailable' } });
});
