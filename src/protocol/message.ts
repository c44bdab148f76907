import type { RawRecord } from '../record.js';
import type { ConversationId, LogicOffset, MsgId, Seq } from './ids.js';
import type { DeadLetterReason } from './reasons.js';

/** Where a record lies in `im.ingest`; what a dead letter and a row name as their origin. */
export interface IngestPlace {
  readonly partition: number;
  readonly offset: number;
}

/** What a sender said, validated. `body` and `meta` are the bytes of the JSON value exactly as they came. */
export interface Envelope {
  readonly conversationId: ConversationId;
  readonly senderId: string;
  /** Exactly one of `receiverId` and `groupId` is a string. */
  readonly receiverId: string | null;
  readonly groupId: string | null;
  readonly clientMsgId: string;
  /** The sender's clock, ms since 1970 UTC; never trusted for order between senders. */
  readonly sentAt: number;
  readonly senderSeq: number | null;
  readonly prevSenderSeq: number | null;
  readonly senderEpoch: number | null;
  readonly body: Buffer;
  readonly meta: Buffer | null;
  /** SHA-256 of the content as canonical JSON: every field but `sentAt`, names sorted, numbers as written. */
  readonly contentHash: Buffer;
}

/** An envelope with what came along with it. */
export interface Received extends Envelope {
  readonly place: IngestPlace;
  /** Broker time at `im.ingest`, ms. */
  readonly receivedAt: number;
  readonly traceparent: Buffer | null;
  readonly tracestate: Buffer | null;
}

/** An envelope on its way through a lane, with what the pipeline knows of it. */
export interface Incoming extends Received {
  readonly logicOffset: LogicOffset;
  /** The record as the producer made it, for a dead letter. */
  readonly original: RawRecord;
}

/** What the reset rule must know of a sender's life and this message alone doesn't tell; ms of the sender's clock. */
export interface SenderMarks {
  /** The highest `sentAt` delivered in turn so far. */
  readonly highSentAt: number;
  /** The highest `sentAt` of the life before the last reset; null where there was none. */
  readonly formerSentAt: number | null;
}

/** A message with its place in the order: what is stored, and what is delivered. */
export interface StampedMessage extends Received {
  readonly kind: 'message';
  readonly msgId: MsgId;
  readonly seq: Seq;
  readonly stampedAt: number;
  readonly late: boolean;
  /** Stored with the row for whoever takes the lane; absent or null with nearly every message. Never delivered. */
  readonly senderMarks?: SenderMarks | null;
}

/** A record that a lane refused. Numbered like a message, so that the watermark covers it. */
export interface StampedDeadLetter {
  readonly kind: 'dead_letter';
  readonly msgId: MsgId;
  readonly stampedAt: number;
  readonly reason: DeadLetterReason;
  /** A sentence a person understands, naming the field. */
  readonly detail: string;
  readonly place: IngestPlace;
  readonly record: RawRecord;
}

/** What a lane forwards, in `msgId` order. */
export type Stamped = StampedMessage | StampedDeadLetter;
