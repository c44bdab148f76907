import type { LogicBatch, LogicRecord } from '../../../src/ordering/decide.js';
import type { ReorderRules } from '../../../src/ordering/options.js';
import { newOrderingState, type OrderingState } from '../../../src/ordering/state.js';
import type { ConversationId, LogicOffset, MsgId } from '../../../src/protocol/ids.js';
import type { Incoming } from '../../../src/protocol/message.js';
import { REORDER } from '../../support/reorder-rules.js';

/** A record of `im.logic` in few words: conversation, identity, content. Equal words are a retry. */
export interface Draft {
  readonly conversation: number;
  readonly clientMsgId: string;
  readonly content: number;
  /** The sender's numbers; without them there is no sender order. */
  readonly sender?: string;
  readonly senderSeq?: number;
  readonly prevSenderSeq?: number;
  readonly senderEpoch?: number;
  readonly sentAt?: number;
  /** When the broker had it, and where. */
  readonly receivedAt?: number;
  readonly ingestPartition?: number;
}

/** The state of a lane that has stamped nothing. */
export function freshState(
  caches: { maxHeads: number; maxSenders: number; maxSeen: number },
  rules: Partial<ReorderRules> = {},
): OrderingState {
  const start = { partition: 0, lastMsgId: 0n as MsgId, nextOffset: 0 as LogicOffset, held: [] };
  return newOrderingState(
    { ...start, caughtUpOffset: 0 as LogicOffset },
    { ...caches, reorder: { ...REORDER, ...rules } },
  );
}

export function incomingOf(draft: Draft, offset: number): Incoming {
  return {
    conversationId: `group:${draft.conversation}` as ConversationId,
    senderId: draft.sender ?? 'alice',
    receiverId: null,
    groupId: String(draft.conversation),
    clientMsgId: draft.clientMsgId,
    sentAt: draft.sentAt ?? 1_750_000_000_000 + offset,
    senderSeq: draft.senderSeq ?? null,
    prevSenderSeq: draft.prevSenderSeq ?? null,
    senderEpoch: draft.senderEpoch ?? null,
    body: Buffer.from(String(draft.content)),
    meta: null,
    contentHash: Buffer.alloc(32, draft.content),
    logicOffset: offset as LogicOffset,
    place: { partition: draft.ingestPartition ?? 0, offset },
    receivedAt: draft.receivedAt ?? 1_750_000_000_000,
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
