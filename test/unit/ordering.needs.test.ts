import { expect, test } from '@jest/globals';
import { unknownConversations, unknownSenders } from '../../src/ordering/needs.js';
import type { Seq } from '../../src/protocol/ids.js';
import { batchOf, freshState, type Draft } from '../property/lane/records.js';

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
