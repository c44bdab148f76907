import { expect, test } from '@jest/globals';
import { advance, decide } from '../../src/ordering/decide.js';
import { unknownConversations, unknownIdentities, unknownSenders } from '../../src/ordering/needs.js';
import { contentHashOf, identityOf } from '../../src/ordering/state.js';
import type { ConversationId, Seq } from '../../src/protocol/ids.js';
import type { Incoming } from '../../src/protocol/message.js';
import { batchOf, freshState, type Draft } from '../property/lane/records.js';

const NONE = 0 as Seq;

test('loading what a batch lacks never pushes out what it has, however full the caches are', () => {
  const state = freshState({ maxHeads: 4, maxSenders: 4, maxSeen: 4 });
  const draft = (conversation: number): Draft => ({ conversation, clientMsgId: 'a', content: 1, senderSeq: 1 });
  const load = (drafts: readonly Draft[]): void => {
    const batch = batchOf(drafts, 0, drafts.length);
    for (const id of unknownConversations(state, batch)) state.heads.set(id, 0 as Seq);
    for (const key of unknownSenders(state, batch).keys()) state.senders.set(key, null);
    expect(unknownConversations(state, batch)).toEqual([]);
    expect([...unknownSenders(state, batch).keys()]).toEqual([]);
  };
  load([1, 2, 3, 4].map(draft));
  load([1, 5, 6, 7].map(draft)); // 1 is the oldest, and would be the first to go
});

test('caches smaller than a batch and all that is held keep every head that the batch needs', () => {
  const state = freshState({ maxHeads: 2, maxSenders: 2, maxSeen: 2 });
  const early = (conversation: number): Draft => ({
    ...{ conversation, clientMsgId: 'early', content: 1, senderSeq: 2, prevSenderSeq: 1 },
  });
  const inTurn = (conversation: number): Draft => ({
    ...{ conversation, clientMsgId: 'in turn', content: 2, senderSeq: 1, prevSenderSeq: 0 },
  });
  const held = [1, 2, 3, 4, 5];
  const drafts = [...held.map(early), ...[6, 7, 8].map(inTurn), ...held.map(inTurn)];
  for (const [from, to] of [[0, 5] as const, [5, 8] as const, [8, 13] as const]) {
    const batch = batchOf(drafts, from, to);
    for (const id of unknownConversations(state, batch)) state.heads.set(id, NONE);
    for (const key of unknownSenders(state, batch).keys()) state.senders.set(key, null);
    advance(state, decide(state, batch, { nowMs: 0, monotonicMs: 0 }));
  }
  expect(state.held.size).toBe(0);
  unknownConversations(state, batchOf([], 13, 13));
  state.heads.set('group:9' as ConversationId, NONE);
  expect(state.heads.size).toBe(2); // room that is needed no more is given back
});

test('what of a batch is known to be stored stays known while the rest of it is looked up', () => {
  const state = freshState({ maxHeads: 2, maxSenders: 2, maxSeen: 2 });
  const batch = batchOf(
    [1, 2, 3].map((conversation) => ({ conversation, clientMsgId: 'a', content: 1 })),
    0,
    3,
  );
  const learn = (messages: readonly Incoming[]): void => {
    for (const one of messages) state.seen.set(identityOf(one), contentHashOf(one.contentHash));
  };
  learn(unknownIdentities(state, batchOf([{ conversation: 1, clientMsgId: 'a', content: 1 }], 0, 1)));
  expect(unknownIdentities(state, batch)).toHaveLength(2);
  learn(unknownIdentities(state, batch));
  expect(unknownIdentities(state, batch)).toEqual([]);
});
