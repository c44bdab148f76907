import type { HeldMessage } from '../../src/ordering/held.js';
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

/** A held message of which a test says what it cares about. */
export function heldMessage(given: Partial<HeldMessage> = {}): HeldMessage {
  const senderSeq = given.senderSeq ?? 2;
  const { kind: _, msgId: __, seq: ___, stampedAt: ____, late: _____, ...received } = stampedMessage();
  return {
    ...received,
    senderSeq,
    prevSenderSeq: senderSeq - 1,
    clientMsgId: `held${senderSeq}`,
    logicOffset: senderSeq as LogicOffset,
    deadline: 1_764_000_001_000,
    dueMs: 500,
    sizeBytes: 1_000,
    ...given,
  };
}

/**
 * A plan of these, from one offset to another.
 * @param floor the last id before it; unless told 0 for a lane's first plan, else the id before the plan's first.
 */
export function planOf(
  stamped: readonly Stamped[],
  fromOffset: number,
  nextOffset: number,
  { floor, held = [], released = [] }: { floor?: bigint } & Partial<Pick<Plan, 'held' | 'released'>> = {},
): Plan {
  const heads = new Map<ConversationId, Seq>();
  for (const one of stamped) if (one.kind === 'message') heads.set(one.conversationId, one.seq);
  const before = floor ?? (fromOffset === 0 ? 0n : (stamped[0]?.msgId ?? 1n) - 1n);
  return {
    stamped,
    heads,
    identities: new Map(),
    duplicateCount: 0,
    messageCount: stamped.filter(({ kind }) => kind === 'message').length,
    lateCount: 0,
    held,
    released,
    givenUp: [],
    ingestTimes: new Map(),
    senders: new Map(),
    lines: new Map(),
    floor: before as MsgId,
    lastMsgId: stamped.at(-1)?.msgId ?? (before as MsgId),
    fromOffset: fromOffset as LogicOffset,
    nextOffset: nextOffset as LogicOffset,
  };
}
