import type { Envelope, SenderMarks } from '../protocol/message.js';

/** One sender in one conversation. U+0000 can't occur in an id. */
export type SenderKey = string;

export function senderKeyOf(message: { conversationId: string; senderId: string }): SenderKey {
  return `${message.conversationId}\0${message.senderId}`;
}

/** What a sender numbers with, and the clock it is judged by. */
export type Numbers = Pick<Envelope, 'prevSenderSeq' | 'senderEpoch' | 'sentAt'> & { readonly senderSeq: number };

/**
 * How far a sender has come in a conversation: its last message delivered in turn. Late ones move nothing, so the last
 * numbered row of the sender that isn't late tells it all, to whoever takes the lane.
 */
export interface SenderHead extends SenderMarks {
  /** Absent counts as 0. */
  readonly epoch: number;
  readonly senderSeq: number;
}

/** The head once this message went out in turn. */
export function headAfter(head: SenderHead | null, message: Numbers, isReset: boolean): SenderHead {
  const epoch = message.senderEpoch ?? 0;
  const { senderSeq, sentAt } = message;
  if (head === null) return { epoch, senderSeq, highSentAt: sentAt, formerSentAt: null };
  return {
    epoch,
    senderSeq,
    highSentAt: Math.max(head.highSentAt, sentAt),
    formerSentAt: isReset ? head.highSentAt : epoch === head.epoch ? head.formerSentAt : null,
  };
}

/** What must be stored beside the message that made this head; null where its row tells it all, as nearly always. */
export function marksOf(head: SenderHead, message: Numbers): SenderMarks | null {
  const { epoch, highSentAt, formerSentAt } = head;
  if (epoch > 0 || (highSentAt === message.sentAt && formerSentAt === null)) return null;
  return { highSentAt, formerSentAt };
}
