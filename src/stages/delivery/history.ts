/** Stored messages, to fill a gap with and to find where a message came from. PostgreSQL has them (postgres-history.ts). */
import type { Clock } from '../../clock/clock.js';
import { InorderError, messageOf } from '../../errors.js';
import type { Log } from '../../observe/log.js';
import type { ConversationId, Seq } from '../../protocol/ids.js';
import type { StampedMessage } from '../../protocol/message.js';
import { backoffMs, type Backoff } from '../backoff.js';

export interface HistoryQuery {
  readonly conversationId: ConversationId;
  readonly fromSeq: Seq;
  /** Included. */
  readonly toSeq: Seq;
  readonly limit: number;
}

export interface DeliveryHistory {
  /** Messages of a conversation in the order of `seq`; those it doesn't have are left out. */
  read(query: HistoryQuery): Promise<readonly StampedMessage[]>;
}

export interface RepairPolicy extends Backoff {
  /** How long rows that are missing may stay missing before the gap counts as a failure. */
  readonly timeoutMs: number;
  /** Messages read at once. */
  readonly pageSize: number;
}

export type HistoryPage =
  /** At least one message, the first at `fromSeq`, no hole. */
  | { readonly kind: 'messages'; readonly messages: readonly StampedMessage[] }
  | { readonly kind: 'missing'; readonly why: string }
  | { readonly kind: 'abandoned' };

export interface HistoryDeps {
  readonly history: DeliveryHistory;
  readonly repair: RepairPolicy;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * The messages from `fromSeq` on, as many as come without a hole. Rows that are missing, and a history that fails, are
 * asked for again until the time is over; while the history can't be reached (a retryable InorderError) that time
 * doesn't run: an outage must not skip messages. Never rejects.
 */
export async function readHistoryPage(
  deps: HistoryDeps,
  conversationId: ConversationId,
  range: { readonly fromSeq: number; readonly toSeq: number },
  closing: AbortSignal,
): Promise<HistoryPage> {
  const { history, repair, clock, log } = deps;
  const fromSeq = range.fromSeq as Seq;
  const toSeq = range.toSeq as Seq;
  let waitedMs = 0;
  for (let failures = 1; !closing.aborted; failures++) {
    let why: string;
    let unreachable = false;
    try {
      const messages = await history.read({ conversationId, fromSeq, toSeq, limit: repair.pageSize });
      const dense = withoutHole(messages, fromSeq, toSeq);
      if (dense.length > 0) return { kind: 'messages', messages: dense };
      why = `history has no message with seq ${fromSeq}`;
    } catch (error) {
      why = `history could not be read: ${messageOf(error)}`;
      unreachable = error instanceof InorderError && error.retryable;
    }
    const waitMs = backoffMs(repair, failures, Math.random());
    if (!unreachable && waitedMs + waitMs > repair.timeoutMs) return { kind: 'missing', why };
    log.warn('a gap could not be repaired yet', { conversationId, fromSeq, toSeq, failures, error: why });
    await clock.sleep(waitMs, closing);
    if (!unreachable) waitedMs += waitMs;
  }
  return { kind: 'abandoned' };
}

function withoutHole(messages: readonly StampedMessage[], fromSeq: number, toSeq: number): readonly StampedMessage[] {
  let length = 0;
  while (fromSeq + length <= toSeq && messages[length]?.seq === fromSeq + length) length += 1;
  return messages.slice(0, length);
}
