import type { Plan } from '../../src/ordering/plan.js';
import type { ConversationId, LogicOffset, MsgId, Seq } from '../../src/protocol/ids.js';
import type { Stamped, StampedDeadLetter, StampedMessage } from '../../src/protocol/message.js';

/** A message of which a test says what it cares about. */
export function stampedMessage(given: Partial<StampedMessage> = {}): StampedMessage {
  const seq = given.seq ?? (1 as Seq);
  return {
    kind: 'message',
    msgId: BigInt(seq) as MsgId,
    seq,
    stampedAt: 1_764_000_000_500,
    late: false,
    conversationId: 'group:g' as ConversationId,
    senderId: 'alice',
    receiverId: null,
    groupId: 'g',
    clientMsgId: `c${seq}`,
    sentAt: 1_764_000_000_000,
    senderSeq: null,
    prevSenderSeq: null,
    senderEpoch: null,
    body: Buffer.from('"hello"'),
    meta: null,
    contentHash: Buffer.alloc(32, seq % 256),
    place: { partition: 0, offset: seq },
    receivedAt: 1_764_000_000_250,
    traceparent: null,
    tracestate: null,
    ...given,
  };
}

export function stampedDeadLetter(given: Partial<StampedDeadLetter> = {}): StampedDeadLetter {
  return {
    kind: 'dead_letter',
    msgId: 1n as MsgId,
    stampedAt: 1_764_000_000_500,
    reason: 'conflicting_duplicate',
    detail: 'clientMsgId "c1" was already used',
    place: { partition: 0, offset: 1 },
    record: { key: null, value: Buffer.from('{}'), headers: {} },
    ...given,
  };
}

/** A plan of these, from one offset to another. */
export function planOf(stamped: readonly Stamped[], fromOffset: number, nextOffset: number, floor = 0n): Plan {
  const heads = new Map<ConversationId, Seq>();
  for (const one of stamped) if (one.kind === 'message') heads.set(one.conversationId, one.seq);
  return {
    stamped,
    heads,
    identities: new Map(),
    duplicateCount: 0,
    lastMsgId: stamped.at(-1)?.msgId ?? (floor as MsgId),
    fromOffset: fromOffset as LogicOffset,
    nextOffset: nextOffset as LogicOffset,
  };
}
