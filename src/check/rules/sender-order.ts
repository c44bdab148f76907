import type { ConversationSoFar, SenderSoFar, Step } from '../so-far.js';
import type { Stamped } from '../evidence.js';
import { nameOf, type DeliveryRule } from './rule.js';

const RESET_AFTER_MS = 12 * 60 * 60 * 1_000;

/**
 * Rule 7. Of one sender in one conversation, numbered messages are delivered in the order of (`senderEpoch`,
 * `senderSeq`), where a message that came after its turn says `late`; and `late` stands on no other.
 *
 * A message's turn was over when one of a higher epoch was delivered before it, or one of the same epoch whose number is
 * not lower. An absent epoch counts as 0. Without epochs, a number that falls back may be a new life of the sender's
 * numbers instead: `sentAt` more than 12 hours above everything seen of this sender here, or the number 1 with a `sentAt`
 * above it. There either answer is right (whether a gap was open is not to be seen from outside): `late` keeps the old
 * life, its absence begins the new one. Messages without a number have no turn, and are never late. Where the beginning
 * of a partition is not there, a sender's first message here may be late after one that is not seen.
 */
export const senderOrder: DeliveryRule = {
  name: 'sender-order',
  judge(record, _, partition, step) {
    const { message } = record;
    if (message.senderSeq === null) return message.late ? `${nameOf(record)} has no senderSeq and is late` : null;
    const before = step.sender;
    if (before === undefined && partition.isTruncated) return null;
    const turn = turnOf(message, message.senderSeq, before);
    if (turn === 'either' || (turn === 'over') === message.late) return null;
    const who = `senderSeq ${message.senderSeq} (epoch ${message.senderEpoch ?? 0}) of ${message.senderId}, ${nameOf(record)},`;
    if (before === undefined) return `${who} is late, and nothing of this sender was delivered before it`;
    const last = `${before.lastSenderSeq} (epoch ${before.epoch}, offset ${before.lastOffset})`;
    return message.late
      ? `${who} is late, and follows ${last}: it was its turn`
      : `${who} follows ${last} and is not late`;
  },
};

function turnOf(message: Stamped, senderSeq: number, before: SenderSoFar | undefined): 'due' | 'over' | 'either' {
  if (before === undefined) return 'due';
  const epoch = message.senderEpoch ?? 0;
  if (epoch !== before.epoch) return epoch > before.epoch ? 'due' : 'over';
  if (senderSeq > before.lastSenderSeq) return 'due';
  if (message.senderEpoch !== null || message.sentAt === null) return 'over';
  const aheadMs = message.sentAt - before.lastSentAt;
  return aheadMs > RESET_AFTER_MS || (senderSeq === 1 && aheadMs > 0) ? 'either' : 'over';
}

/** Takes a message into its sender's life. */
export function advanceSender(
  { senders }: ConversationSoFar,
  { sender: before }: Step,
  message: Stamped,
  offset: number,
): void {
  if (message.senderSeq === null) return;
  const epoch = message.senderEpoch ?? 0;
  const sentAt = message.sentAt ?? Number.NEGATIVE_INFINITY;
  if (before === undefined) {
    senders.set(message.senderId, { epoch, lastSenderSeq: message.senderSeq, lastSentAt: sentAt, lastOffset: offset });
    return;
  }
  before.lastSentAt = Math.max(before.lastSentAt, sentAt);
  const isAhead = epoch > before.epoch || (epoch === before.epoch && message.senderSeq > before.lastSenderSeq);
  const isNewLife = epoch === before.epoch && !message.late;
  if (!isAhead && !isNewLife) return;
  before.epoch = epoch;
  before.lastSenderSeq = message.senderSeq;
  before.lastOffset = offset;
}
