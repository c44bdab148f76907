/** What a run saw, as it was seen; judged afterwards. Times are milliseconds. */
import type { ServerIndex } from './schedule.js';

/** A message, or its copy, at one of the two servers. */
export interface Arrival {
  readonly conversationId: string;
  readonly clientMsgId: string;
  readonly server: ServerIndex;
  /** The server's own clock, right or wrong. */
  readonly stampMs: number;
  /** What the client wrote into the envelope. */
  readonly sentAt: number;
}

/** A record of the delivery topic, in the order of its partition. */
export interface Delivered {
  readonly conversationId: string;
  readonly seq: number;
  readonly msgId: bigint;
  readonly senderId: string;
  readonly clientMsgId: string;
  readonly senderSeq: number | null;
  readonly senderEpoch: number | null;
  readonly sentAt: number;
  readonly late: boolean;
  readonly partition: number;
  readonly laneEpoch: number;
  /** When it was read here; monotonic. */
  readonly readMs: number;
}

/** A row of the message table. */
export interface Stored {
  readonly conversationId: string;
  readonly seq: number;
  readonly clientMsgId: string;
}

export interface Kill {
  readonly pid: number;
  /** The lanes that it owned. */
  readonly lanes: readonly number[];
  /** After the first message was sent. */
  readonly afterMs: number;
  /** From the kill to the first delivery by a new owner of one of its lanes; null: none was seen. */
  readonly firstDeliveryMs: number | null;
  readonly sessionTimeoutMs: number;
}

export interface SequenceLoss {
  readonly sender: string;
  readonly epochBefore: number;
  readonly epochAfter: number;
}

/** What `inorder check` said of the topics and tables; it shares no code with what it judges. */
export type CheckVerdict = 'pass' | 'fail' | 'unknown';

export interface Evidence {
  readonly arrivals: readonly Arrival[];
  readonly delivered: readonly Delivered[];
  readonly stored: readonly Stored[];
  readonly kill: Kill | null;
  readonly loss: SequenceLoss | null;
  readonly check: CheckVerdict;
}
