import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { advance, decide, type LogicBatch } from '../../../src/ordering/decide.js';
import { unknownConversations } from '../../../src/ordering/needs.js';
import type { OrderingState } from '../../../src/ordering/state.js';
import type { LogicOffset, Seq } from '../../../src/protocol/ids.js';
import type { Stamped, StampedMessage } from '../../../src/protocol/message.js';
import { batchOf, freshState, recordOf, type Draft } from '../lane/records.js';

const NOW_MS = 1_760_000_000_000;
const NOW = { nowMs: NOW_MS, monotonicMs: 0 };
const drafts: fc.Arbitrary<Draft[]> = fc.array(
  fc.record({
    conversation: fc.integer({ min: 0, max: 4 }),
    clientMsgId: fc.integer({ min: 0, max: 30 }).map(String),
    content: fc.integer({ min: 0, max: 2 }),
  }),
  { minLength: 1, maxLength: 80 },
);
const cuts = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 80, maxLength: 80 });

function fresh(): OrderingState {
  return freshState({ maxHeads: 1000, maxSenders: 1000, maxSeen: 1000 });
}

function decideAll(all: readonly Draft[], sizes: readonly number[]): { stamped: Stamped[]; duplicateCount: number } {
  const state = fresh();
  const stamped: Stamped[] = [];
  let duplicateCount = 0;
  for (let from = 0, i = 0; from < all.length; i++) {
    const to = Math.min(all.length, from + (sizes[i] ?? 1));
    const batch = batchOf(all, from, to);
    for (const id of unknownConversations(state, batch)) state.heads.set(id, 0 as Seq);
    const plan = decide(state, batch, { nowMs: NOW_MS + from, monotonicMs: from });
    advance(state, plan);
    stamped.push(...plan.stamped);
    duplicateCount += plan.duplicateCount;
    from = to;
  }
  return { stamped, duplicateCount };
}

const messagesOf = (stamped: readonly Stamped[]): StampedMessage[] =>
  stamped.filter((one): one is StampedMessage => one.kind === 'message');

describe('however a log is cut into batches', () => {
  test('seq is dense from 1 per conversation, and msgId grows with it', () => {
    fc.assert(
      fc.property(drafts, cuts, (all, sizes) => {
        const seqs = new Map<string, number>();
        let lastId = 0n;
        for (const message of messagesOf(decideAll(all, sizes).stamped)) {
          expect(message.seq).toBe((seqs.get(message.conversationId) ?? 0) + 1);
          expect(message.msgId > lastId).toBe(true);
          seqs.set(message.conversationId, message.seq);
          lastId = message.msgId;
        }
      }),
    );
  });

  test('every record ends exactly once: a message, a duplicate, or a conflicting duplicate', () => {
    fc.assert(
      fc.property(drafts, cuts, (all, sizes) => {
        const { stamped, duplicateCount } = decideAll(all, sizes);
        expect(stamped.length + duplicateCount).toBe(all.length);
        const first = new Map<string, Draft>();
        let conflicts = 0;
        for (const draft of all) {
          const key = `${draft.conversation} ${draft.clientMsgId}`;
          const known = first.get(key);
          if (known === undefined) first.set(key, draft);
          else if (known.content !== draft.content) conflicts += 1;
        }
        expect(messagesOf(stamped).length).toBe(first.size);
        expect(stamped.length - first.size).toBe(conflicts);
      }),
    );
  });

  test('the order of the log is the order of the messages, and the cut changes none of it', () => {
    fc.assert(
      fc.property(drafts, cuts, cuts, (all, one, other) => {
        const order = (sizes: readonly number[]): string[] =>
          decideAll(all, sizes).stamped.map(
            (s) => `${s.kind} ${s.place.offset} ${s.kind === 'message' ? s.seq : s.reason}`,
          );
        expect(order(one)).toEqual(order(other));
        const offsets = decideAll(all, one).stamped.map((s) => s.place.offset);
        expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
      }),
    );
  });
});

test('deciding changes nothing: a plan that was not stored can be decided again, equal', () => {
  fc.assert(
    fc.property(drafts, (all) => {
      const state = fresh();
      const batch = batchOf(all, 0, all.length);
      for (const id of unknownConversations(state, batch)) state.heads.set(id, 0 as Seq);
      expect(decide(state, batch, NOW)).toEqual(decide(state, batch, NOW));
      expect([state.lastMsgId, state.nextOffset, state.seen.size]).toEqual([0n, 0, 0]);
    }),
  );
});

test('a refused record takes its place in the order as a dead letter and moves no seq', () => {
  const state = fresh();
  const draft = { conversation: 1, clientMsgId: 'a', content: 1 };
  const batch: LogicBatch = {
    records: [
      recordOf(draft, 0),
      {
        kind: 'refused',
        logicOffset: 1 as LogicOffset,
        reason: 'invalid_logic_record',
        detail: 'no envelope header',
        place: { partition: 0, offset: 1 },
        original: { key: null, value: Buffer.from('x'), headers: {} },
      },
      recordOf({ ...draft, clientMsgId: 'b' }, 2),
    ],
    nextOffset: 3 as LogicOffset,
  };
  for (const id of unknownConversations(state, batch)) state.heads.set(id, 0 as Seq);
  const { stamped } = decide(state, batch, NOW);
  expect(stamped.map((s) => (s.kind === 'message' ? s.seq : s.reason))).toEqual([1, 'invalid_logic_record', 2]);
});

test('a conversation whose head was not loaded is a bug, not a new conversation', () => {
  const batch = batchOf([{ conversation: 1, clientMsgId: 'a', content: 1 }], 0, 1);
  expect(() => decide(fresh(), batch, NOW)).toThrow(/head of group:1 was not loaded/);
});
