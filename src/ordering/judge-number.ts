import type { Numbers, SenderHead } from './sender.js';
import { isOfFormerLife, isReset } from './sender-reset.js';

/**
 * - `next`: its turn, as far as its numbers show.
 * - `early`: it names a message before it that was not delivered: a gap.
 * - `late`: its turn is over.
 * - `reset`: the sender lost its numbers; this one begins a new life.
 */
export type NumberVerdict = 'next' | 'early' | 'late' | 'reset';

/**
 * Where a numbered message stands among its sender's in this conversation. Pure rules, in order.
 * @param head null where nothing of the sender was delivered in turn.
 * @param waiting the sender's messages that are held.
 */
export function judgeNumber(
  message: Numbers,
  head: SenderHead | null,
  waiting: readonly Numbers[],
  resetAfterMs: number,
): NumberVerdict {
  const { senderSeq, prevSenderSeq } = message;
  const epoch = message.senderEpoch ?? 0;
  // The first of a life: 0 or nothing says that none came before.
  if (head === null || epoch > head.epoch) return (prevSenderSeq ?? 0) > 0 ? 'early' : 'next';
  if (epoch < head.epoch) return 'late';
  if (senderSeq <= head.senderSeq) {
    return isReset(message, { head, waitingSentAt: highestSentAt(waiting) }, resetAfterMs) ? 'reset' : 'late';
  }
  if (prevSenderSeq !== null && prevSenderSeq <= head.senderSeq) return 'next';
  if (isOfFormerLife(message, head)) return 'late';
  return prevSenderSeq === null ? 'next' : 'early';
}

/** By (epoch, number): the order in which one sender's messages go out. */
export function inSenderOrder(a: Numbers, b: Numbers): number {
  return (a.senderEpoch ?? 0) - (b.senderEpoch ?? 0) || a.senderSeq - b.senderSeq;
}

function highestSentAt(messages: readonly Numbers[]): number | null {
  return messages.length === 0 ? null : messages.reduce((high, { sentAt }) => Math.max(high, sentAt), 0);
}
