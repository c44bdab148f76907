import { expect, test } from '@jest/globals';
import { advance, decide } from '../../src/ordering/decide.js';
import { unknownConversations, unknownSenders } from '../../src/ordering/needs.js';
import type { Plan } from '../../src/ordering/plan.js';
import type { LogicOffset, Seq } from '../../src/protocol/ids.js';
import { freshState, recordOf, type Draft } from '../property/lane/records.js';

const message = (senderSeq: number, content = 1): Draft => ({
  ...{ conversation: 1, clientMsgId: `c${senderSeq}`, content, sender: 'alice' },
  ...{ senderSeq, prevSenderSeq: senderSeq - 1, senderEpoch: 1 },
});

/** A lane that is given batches, and what it makes of each. */
function newLane(): (...drafts: readonly Draft[]) => Plan {
  const state = freshState({ maxHeads: 10, maxSenders: 10, maxSeen: 1 }); // too few to remember what is held
  return (...drafts) => {
    const from = state.nextOffset;
    const records = drafts.map((draft, index) => recordOf(draft, from + index));
    const batch = { records, nextOffset: (from + drafts.length) as LogicOffset };
    for (const id of unknownConversations(state, batch)) state.heads.set(id, 0 as Seq);
    for (const key of unknownSenders(state, batch).keys()) state.senders.set(key, null);
    const plan = decide(state, batch, { nowMs: 1_764_000_000_000, monotonicMs: 0 });
    advance(state, plan);
    return plan;
  };
}

const wordsOf = ({ stamped }: Plan): string[] =>
  stamped.map((one) =>
    one.kind === 'message' ? `${one.clientMsgId} ${String(one.body)}` : `${one.reason} at ${one.place.offset}`,
  );

test.each([
  ['in the batch that held it', [[message(3), message(3)]]],
  ['in a later one', [[message(3)], [message(4)], [message(3)]]],
])('a duplicate of a held message is dropped, %s; it goes out once, in its turn', (_, batches) => {
  const take = newLane();
  const plans = batches.map((drafts) => take(...drafts));
  expect(plans.flatMap(wordsOf)).toEqual([]);
  expect(plans.reduce((sum, { duplicateCount }) => sum + duplicateCount, 0)).toBe(1);
  expect(new Set(plans.flatMap(({ held }) => held.map(({ clientMsgId }) => clientMsgId))).has('c3')).toBe(true);
  const out = wordsOf(take(message(1), message(2)));
  expect(out.slice(0, 3)).toEqual(['c1 1', 'c2 1', 'c3 1']);
  expect(out.filter((one) => one === 'c3 1')).toHaveLength(1);
});

test.each([
  ['in the batch that held it', [[message(3), message(3, 2)]], 1],
  ['in a later one', [[message(3)], [message(4)], [message(3, 2)]], 2],
])(
  'another content under a held message’s identity is a dead letter at once, %s; the held one stays',
  (_, batches, at) => {
    const take = newLane();
    expect(batches.flatMap((drafts) => wordsOf(take(...drafts)))).toEqual([`conflicting_duplicate at ${at}`]);
    expect(wordsOf(take(message(1), message(2))).slice(0, 3)).toEqual(['c1 1', 'c2 1', 'c3 1']);
  },
);

test('a duplicate in the batch that lets the held one out is dropped, before and after it goes out', () => {
  const take = newLane();
  take(message(2));
  const plan = take(message(2), message(1), message(2), message(2, 2));
  expect(wordsOf(plan)).toEqual(['c1 1', 'c2 1', 'conflicting_duplicate at 4']);
  expect([plan.duplicateCount, plan.released.length]).toEqual([2, 1]);
});
