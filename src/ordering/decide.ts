/**
 * The order, decided: a batch of records and what the lane remembers go in, a plan comes out. No I/O, no clock of its
 * own, no mutation of the state: a plan that was not stored leaves no trace, so it can be decided again.
 */
import { invariant } from '../invariant.js';
import type { ConversationId, LogicOffset, MsgId, Seq } from '../protocol/ids.js';
import type { Incoming, IngestPlace, Received, SenderMarks, Stamped, StampedMessage } from '../protocol/message.js';
import type { DeadLetterReason } from '../protocol/reasons.js';
import type { RawRecord } from '../record.js';
import type { Moment } from './held.js';
import { MsgIdSequence } from './msg-id.js';
import type { Plan } from './plan.js';
import { Resequencer, type Deliver } from './resequence.js';
import { senderKeyOf } from './sender.js';
import { addHeld, contentHashOf, removeHeld, type ContentHash, type Identity, type OrderingState } from './state.js';

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
  /** What is known of the log's end; null: nothing lately. Absent: it ends with this batch, now. */
  readonly end?: LogEnd | null;
}

/** Where the log ended when it was asked. */
export interface LogEnd {
  readonly nextOffset: LogicOffset;
  /** When it was asked, on the monotonic clock. */
  readonly askedMs: number;
}

/**
 * Decides a batch, which may be empty: then it is the time that lets held messages out.
 *
 * A window whose deadline has come ends before the record that tells that it is over, and else by silence, after the
 * batch's records (window-end.ts). By silence only once the lane has come to where the log ended after that, and to
 * where it ended when the lane was taken: what waits in the log, or lay there while nobody owned the lane, must not be
 * late because of that.
 * @param now both clocks, once for the whole batch.
 */
export function decide(state: OrderingState, batch: LogicBatch, now: Moment): Plan {
  invariant(batch.nextOffset >= state.nextOffset, `batch ends at ${batch.nextOffset}, before ${state.nextOffset}`);
  const stamper = new Stamper(state, now.nowMs);
  const sequence = new Resequencer(state, now, stamper.message);
  const identities = new Map<Identity, ContentHash>();
  let duplicateCount = 0;

  for (const record of batch.records) {
    if (record.kind === 'refused') {
      const { reason, detail, place, original } = record;
      stamper.deadLetter(reason, detail, place, original);
      continue;
    }
    const incoming = record.incoming;
    sequence.hear(incoming);
    const key = senderKeyOf(incoming);
    const identity: Identity = `${key}\0${incoming.clientMsgId}`;
    const hash = contentHashOf(incoming.contentHash);
    const known = identities.get(identity) ?? state.seen.get(identity) ?? state.heldContent.get(identity);
    if (known === hash) {
      duplicateCount += 1;
      continue;
    }
    if (known !== undefined) {
      stamper.deadLetter('conflicting_duplicate', conflictOf(incoming), incoming.place, incoming.original);
      continue;
    }
    identities.set(identity, hash);
    if (isNumbered(incoming)) sequence.arrive(incoming, key);
    else stamper.message(incoming, false, null);
  }
  sequence.expire(silentUntilMs(state, batch, now));
  const { stamped, heads, lastMsgId, messageCount, lateCount } = stamper;
  return {
    ...{ stamped, heads, identities, duplicateCount, messageCount, lateCount },
    held: [...sequence.held.values()],
    released: [...sequence.released.values()],
    givenUp: sequence.givenUp,
    senders: sequence.senders,
    lines: sequence.lines,
    ingestTimes: sequence.ingestTimes,
    floor: state.lastMsgId,
    lastMsgId,
    fromOffset: state.nextOffset,
    nextOffset: batch.nextOffset,
  };
}

/** Until when the lane has everything that came into its log, monotonic ms. */
function silentUntilMs(state: OrderingState, { nextOffset, end }: LogicBatch, now: Moment): number {
  if (nextOffset < state.caughtUpOffset) return Number.NEGATIVE_INFINITY;
  if (end === undefined) return now.monotonicMs;
  return end !== null && nextOffset >= end.nextOffset ? end.askedMs : Number.NEGATIVE_INFINITY;
}

/** Takes over into the state what a stored plan changed. Only after the store is known to be done. */
export function advance(state: OrderingState, plan: Plan): void {
  invariant(plan.fromOffset === state.nextOffset, `plan from ${plan.fromOffset}, state at ${state.nextOffset}`);
  state.lastMsgId = plan.lastMsgId;
  state.nextOffset = plan.nextOffset;
  for (const [conversationId, seq] of plan.heads) state.heads.set(conversationId, seq);
  for (const [key, head] of plan.senders) state.senders.set(key, head);
  for (const [identity, hash] of plan.identities) state.seen.set(identity, hash);
  for (const [partition, time] of plan.ingestTimes) state.ingestTimes.set(partition, time);
  for (const message of plan.released) removeHeld(state, message);
  for (const message of plan.held) addHeld(state, message);
  for (const [key, line] of plan.lines) {
    if (line.length > 0) state.lines.set(key, line);
    else state.lines.delete(key);
  }
}

function isNumbered(incoming: Incoming): incoming is Incoming & { readonly senderSeq: number } {
  return incoming.senderSeq !== null;
}

/** Gives out places in the order: ids along the partition, seqs along each conversation. */
class Stamper {
  readonly stamped: Stamped[] = [];
  readonly heads = new Map<ConversationId, Seq>();
  lastMsgId: MsgId;
  messageCount = 0;
  lateCount = 0;
  readonly #ids: MsgIdSequence;

  constructor(
    private readonly state: OrderingState,
    private readonly nowMs: number,
  ) {
    this.#ids = new MsgIdSequence(state.partition, state.lastMsgId);
    this.lastMsgId = state.lastMsgId;
  }

  readonly message: Deliver = (message, late, marks) => {
    const { conversationId } = message;
    const head = this.heads.get(conversationId) ?? this.state.heads.get(conversationId);
    invariant(head !== undefined, `the head of ${conversationId} was not loaded`);
    const seq = (head + 1) as Seq;
    this.heads.set(conversationId, seq);
    this.lastMsgId = this.#ids.next(this.nowMs);
    this.messageCount += 1;
    if (late) this.lateCount += 1;
    this.stamped.push(stampedOf(message, { msgId: this.lastMsgId, seq, stampedAt: this.nowMs, late, marks }));
  };

  deadLetter(reason: DeadLetterReason, detail: string, place: IngestPlace, record: RawRecord): void {
    this.lastMsgId = this.#ids.next(this.nowMs);
    const { lastMsgId: msgId, nowMs: stampedAt } = this;
    this.stamped.push({ kind: 'dead_letter', msgId, stampedAt, reason, detail, place, record });
  }
}

interface Stamp extends Pick<StampedMessage, 'msgId' | 'seq' | 'stampedAt' | 'late'> {
  readonly marks: SenderMarks | null;
}

/** Written out field by field: an object spread per record was 6 % of the worker's CPU. */
function stampedOf(message: Received, { msgId, seq, stampedAt, late, marks }: Stamp): StampedMessage {
  return {
    kind: 'message',
    msgId,
    seq,
    stampedAt,
    late,
    conversationId: message.conversationId,
    senderId: message.senderId,
    receiverId: message.receiverId,
    groupId: message.groupId,
    clientMsgId: message.clientMsgId,
    sentAt: message.sentAt,
    senderSeq: message.senderSeq,
    prevSenderSeq: message.prevSenderSeq,
    senderEpoch: message.senderEpoch,
    body: message.body,
    meta: message.meta,
    contentHash: message.contentHash,
    place: message.place,
    receivedAt: message.receivedAt,
    traceparent: message.traceparent,
    tracestate: message.tracestate,
    senderMarks: marks,
  };
}

function conflictOf({ clientMsgId, senderId }: Incoming): string {
  return (
    `clientMsgId ${JSON.stringify(clientMsgId)} of sender ${JSON.stringify(senderId)} was already ` +
    'used in this conversation with different content; a new message needs a new clientMsgId'
  );
}
