/** Messages that wait for a gap in their sender's numbers to close. */
import type { LogicOffset } from '../protocol/ids.js';
import type { Incoming, Received } from '../protocol/message.js';
import type { ReorderRules } from './options.js';

/** As its row: everything needed to let it out. It has no seq and no msgId yet; those are given when it goes out. */
export interface StoredHold extends Received {
  readonly senderSeq: number;
  /** The record that brought it; names the row. */
  readonly logicOffset: LogicOffset;
  /** Wall clock, ms since 1970 UTC: when the window ends. For whoever takes the lane. */
  readonly deadline: number;
}

export interface HeldMessage extends StoredHold {
  /** The deadline on the monotonic clock of this reign. */
  readonly dueMs: number;
  /** About what it takes in memory. */
  readonly sizeBytes: number;
}

/** Now, by both clocks. */
export interface Moment {
  /** Wall clock, ms since 1970 UTC; may step. For stamps and stored deadlines. */
  readonly nowMs: number;
  /** Never steps; begins anywhere. For windows. */
  readonly monotonicMs: number;
}

/** Ids, numbers and the objects around them. */
const OVERHEAD_BYTES = 1_000;

/**
 * Begins the window. The bytes are copied: they are views of what was fetched together, and would keep all of it in
 * memory for one message.
 */
export function holdOf(incoming: Incoming, senderSeq: number, now: Moment, windowMs: number): HeldMessage {
  const { body, meta, contentHash, traceparent, tracestate } = incoming;
  return {
    conversationId: incoming.conversationId,
    senderId: incoming.senderId,
    receiverId: incoming.receiverId,
    groupId: incoming.groupId,
    clientMsgId: incoming.clientMsgId,
    sentAt: incoming.sentAt,
    senderSeq,
    prevSenderSeq: incoming.prevSenderSeq,
    senderEpoch: incoming.senderEpoch,
    body: Buffer.from(body),
    meta: copyOf(meta),
    contentHash: Buffer.from(contentHash),
    place: incoming.place,
    receivedAt: incoming.receivedAt,
    traceparent: copyOf(traceparent),
    tracestate: copyOf(tracestate),
    logicOffset: incoming.logicOffset,
    deadline: now.nowMs + windowMs,
    dueMs: now.monotonicMs + windowMs,
    sizeBytes: sizeOf(incoming),
  };
}

/**
 * Goes on with a window that another reign began. What is left of it is bounded by a whole window, and what it is
 * overdue by the silence that lets it out, so that a clock that stepped between the reigns doesn't hold it for ever.
 */
export function reopenHold(stored: StoredHold, now: Moment, { windowMs, silenceMs }: ReorderRules): HeldMessage {
  const leftMs = Math.min(Math.max(stored.deadline - now.nowMs, -silenceMs), windowMs);
  return { ...stored, dueMs: now.monotonicMs + leftMs, sizeBytes: sizeOf(stored) };
}

function copyOf(bytes: Buffer | null): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes);
}

function sizeOf({ body, meta, traceparent, tracestate }: Received): number {
  return OVERHEAD_BYTES + body.length + (meta?.length ?? 0) + (traceparent?.length ?? 0) + (tracestate?.length ?? 0);
}
