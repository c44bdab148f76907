import type { LogicBatch, LogicRecord } from '../../../src/ordering/decide.js';
import type { ConversationId, LogicOffset } from '../../../src/protocol/ids.js';
import type { Incoming } from '../../../src/protocol/message.js';

/** A record of `im.logic` in few words: conversation, identity, content. Equal words are a retry. */
export interface Draft {
  readonly conversation: number;
  readonly clientMsgId: string;
  readonly content: number;
}

export function incomingOf(draft: Draft, offset: number): Incoming {
  return {
    conversationId: `group:${draft.conversation}` as ConversationId,
    senderId: 'alice',
    receiverId: null,
    groupId: String(draft.conversation),
    clientMsgId: draft.clientMsgId,
    sentAt: 1_750_000_000_000 + offset,
    senderSeq: null,
    prevSenderSeq: null,
    senderEpoch: null,
    body: Buffer.from(String(draft.content)),
    meta: null,
    contentHash: Buffer.alloc(32, draft.content),
    logicOffset: offset as LogicOffset,
    place: { partition: 0, offset },
    receivedAt: 1_750_000_000_000,
    traceparent: null,
    tracestate: null,
    original: { key: null, value: Buffer.from('{}'), headers: {} },
  };
}

export function recordOf(draft: Draft, offset: number): LogicRecord {
  return { kind: 'incoming', incoming: incomingOf(draft, offset) };
}

/** The drafts at offsets `from` up to `to`, excluded. */
export function batchOf(drafts: readonly Draft[], from: number, to: number): LogicBatch {
  return {
    records: drafts.slice(from, to).map((draft, index) => recordOf(draft, from + index)),
    nextOffset: to as LogicOffset,
  };
}
