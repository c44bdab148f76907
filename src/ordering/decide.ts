/**
 * The order, decided: a batch of records and what the lane remembers go in, a plan comes out. No I/O, no clock of its
 * own, no mutation of the state: a plan that was not stored leaves no trace, so it can be decided again.
 */
import { invariant } from '../invariant.js';
import type { ConversationId, LogicOffset, Seq } from '../protocol/ids.js';
import type { Incoming, IngestPlace, Stamped, StampedDeadLetter, StampedMessage } from '../protocol/message.js';
import type { DeadLetterReason } from '../protocol/reasons.js';
import type { RawRecord } from '../record.js';
import { MsgIdSequence } from './msg-id.js';
import type { Plan } from './plan.js';
import { contentHashOf, identityOf, type ContentHash, type Identity, type OrderingState } from './state.js';

/** A record of `im.logic` that could not be read as an envelope; it takes its place in the order as a dead letter. */
export interface RefusedRecord {
  readonly kind: 'refused';
  readonly logicOffset: LogicOffset;
  readonly reason: DeadLetterReason;
  readonly detail: string;
  readonly place: IngestPlace;
  readonly original: RawRecord;
}

export interface IncomingRecord {
  readonly kind: 'incoming';
  readonly incoming: Incoming;
}

export type LogicRecord = IncomingRecord | RefusedRecord;

/** Records of one partition in offset order, and the position after them. */
export interface LogicBatch {
  readonly records: readonly LogicRecord[];
  readonly nextOffset: LogicOffset;
}

/** Conversations whose head must be loaded before `decide` can be asked. */
export function unknownConversations(state: OrderingState, batch: LogicBatch): ConversationId[] {
  const unknown = new Set<ConversationId>();
  for (const record of batch.records) {
    if (record.kind === 'incoming' && !state.heads.has(record.incoming.conversationId)) {
      unknown.add(record.incoming.conversationId);
    }
  }
  return [...unknown];
}

/** @param nowMs the wall clock once for the whole batch, ms since 1970 UTC. */
export function decide(state: OrderingState, batch: LogicBatch, nowMs: number): Plan {
  const ids = new MsgIdSequence(state.partition, state.lastMsgId);
  const stamped: Stamped[] = [];
  const heads = new Map<ConversationId, Seq>();
  const identities = new Map<Identity, ContentHash>();
  let lastMsgId = state.lastMsgId;
  let duplicateCount = 0;
  invariant(batch.nextOffset >= state.nextOffset, `batch ends at ${batch.nextOffset}, before ${state.nextOffset}`);

  for (const record of batch.records) {
    if (record.kind === 'refused') {
      const { reason, detail, place, original } = record;
      lastMsgId = ids.next(nowMs);
      stamped.push({
        kind: 'dead_letter',
        msgId: lastMsgId,
        stampedAt: nowMs,
        reason,
        detail,
        place,
        record: original,
      });
      continue;
    }
    const incoming = record.incoming;
    const identity = identityOf(incoming);
    const hash = contentHashOf(incoming.contentHash);
    const known = identities.get(identity) ?? state.seen.get(identity);
    if (known === hash) {
      duplicateCount += 1;
      continue;
    }
    lastMsgId = ids.next(nowMs);
    if (known !== undefined) {
      stamped.push(conflictingDuplicate(incoming, lastMsgId, nowMs));
      continue;
    }
    const { conversationId } = incoming;
    const head = heads.get(conversationId) ?? state.heads.get(conversationId);
    invariant(head !== undefined, `the head of ${conversationId} was not loaded`);
    const seq = (head + 1) as Seq;
    heads.set(conversationId, seq);
    identities.set(identity, hash);
    stamped.push(stamp(incoming, lastMsgId, seq, nowMs));
  }
  return {
    stamped,
    heads,
    identities,
    duplicateCount,
    lastMsgId,
    fromOffset: state.nextOffset,
    nextOffset: batch.nextOffset,
  };
}

/** Takes over into the state what a stored plan changed. Only after the store is known to be done. */
export function advance(state: OrderingState, plan: Plan): void {
  invariant(plan.fromOffset === state.nextOffset, `plan from ${plan.fromOffset}, state at ${state.nextOffset}`);
  state.lastMsgId = plan.lastMsgId;
  state.nextOffset = plan.nextOffset;
  for (const [conversationId, seq] of plan.heads) state.heads.set(conversationId, seq);
  for (const [identity, hash] of plan.identities) state.seen.set(identity, hash);
}

/** Written out field by field: an object spread per record was 6 % of the worker's CPU. */
function stamp(incoming: Incoming, msgId: StampedMessage['msgId'], seq: Seq, stampedAt: number): StampedMessage {
  return {
    kind: 'message',
    msgId,
    seq,
    stampedAt,
    late: false,
    conversationId: incoming.conversationId,
    senderId: incoming.senderId,
    receiverId: incoming.receiverId,
    groupId: incoming.groupId,
    clientMsgId: incoming.clientMsgId,
    sentAt: incoming.sentAt,
    senderSeq: incoming.senderSeq,
    prevSenderSeq: incoming.prevSenderSeq,
    senderEpoch: incoming.senderEpoch,
    body: incoming.body,
    meta: incoming.meta,
    contentHash: incoming.contentHash,
    place: incoming.place,
    receivedAt: incoming.receivedAt,
    traceparent: incoming.traceparent,
    tracestate: incoming.tracestate,
  };
}

function conflictingDuplicate(
  incoming: Incoming,
  msgId: StampedMessage['msgId'],
  stampedAt: number,
): StampedDeadLetter {
  const detail =
    `clientMsgId ${JSON.stringify(incoming.clientMsgId)} of sender ${JSON.stringify(incoming.senderId)} was already ` +
    'used in this conversation with different content; a new message needs a new clientMsgId';
  return {
    kind: 'dead_letter',
    msgId,
    stampedAt,
    reason: 'conflicting_duplicate',
    detail,
    place: incoming.place,
    record: incoming.original,
  };
}
