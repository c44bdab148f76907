/**
 * The reset rule: a sender that numbers without epochs lost its numbers and begins again. Number and time are judged
 * together, since neither alone tells a reset from a message that the network held back:
 *
 * - the number falls back, and `sentAt` has moved on by more than the bound (12 hours) beyond everything seen: no
 *   network holds a message that long, so a new life began; or
 * - the number is 1 again, with a `sentAt` above everything seen, and no gap is open that a 1 could belong to.
 *
 * Everything else that falls back is late. With epochs nothing is guessed: the larger one is the newer life.
 */
import type { Numbers, SenderHead } from './sender.js';

export interface ResetEvidence {
  readonly head: SenderHead;
  /** The highest `sentAt` of the sender's messages that wait for a gap; null where none waits: no gap is open. */
  readonly waitingSentAt: number | null;
}

/** @param resetAfterMs the bound: milliseconds of the sender's own clock. */
export function isReset(message: Numbers, { head, waitingSentAt }: ResetEvidence, resetAfterMs: number): boolean {
  const { senderSeq, senderEpoch, sentAt } = message;
  if (senderEpoch !== null || head.epoch > 0 || senderSeq > head.senderSeq) return false;
  const seenSentAt = Math.max(head.highSentAt, waitingSentAt ?? 0);
  if (sentAt > seenSentAt + resetAfterMs) return true;
  return senderSeq === 1 && waitingSentAt === null && sentAt > seenSentAt;
}

/**
 * Whether a message that doesn't follow what was delivered is a straggler of the life before the last reset: its number
 * is above those of the new life and would put every one of them behind it.
 */
export function isOfFormerLife(message: Numbers, { formerSentAt }: SenderHead): boolean {
  return formerSentAt !== null && message.sentAt <= formerSentAt;
}
