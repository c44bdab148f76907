import type { Clock } from '../../clock/clock.js';
import { messageOf } from '../../errors.js';
import { failpoint } from '../../failpoint.js';
import type { Log } from '../../observe/log.js';
import type { Delivery } from '../../protocol/delivery.js';
import { backoffMs, type Backoff } from '../backoff.js';
import type { DeliveryMetrics } from './metrics.js';

export interface HandlerContext {
  /** Aborts when the outcome no longer counts: the partition went to another member, or a stop ran out of time. */
  readonly signal: AbortSignal;
  /** From 1. */
  readonly attempt: number;
}

export type DeliveryHandler = (delivery: Delivery, context: HandlerContext) => Promise<void>;

export interface RetryPolicy extends Backoff {
  /** Calls of the handler for one message, at most. */
  readonly attempts: number;
}

export type HandlerOutcome =
  | { readonly kind: 'handled' }
  | { readonly kind: 'failed'; readonly error: string }
  /** The assignment or the consumer is ending; whoever has the partition next handles it again. */
  | { readonly kind: 'abandoned' };

export interface HandlerDeps {
  readonly handler: DeliveryHandler;
  readonly retry: RetryPolicy;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: DeliveryMetrics;
}

/** Calls the handler until it succeeds, or as often as the policy allows. Never rejects. */
export async function runHandler(
  deps: HandlerDeps,
  delivery: Delivery,
  signals: { readonly ended: AbortSignal; readonly closing: AbortSignal },
): Promise<HandlerOutcome> {
  const { handler, retry, clock, log, metrics } = deps;
  const { conversationId, seq } = delivery;
  for (let attempt = 1; ; attempt++) {
    if (signals.closing.aborted) return { kind: 'abandoned' };
    const beganMs = clock.monotonicMs();
    try {
      if (failpoint !== null) await failpoint('delivery.before_handler');
      await handler(delivery, { signal: signals.ended, attempt });
      if (failpoint !== null) await failpoint('delivery.after_handler');
      metrics.handled(clock.monotonicMs() - beganMs);
      return { kind: 'handled' };
    } catch (thrown) {
      if (signals.ended.aborted) return { kind: 'abandoned' };
      const error = messageOf(thrown);
      metrics.handlerFailed();
      if (attempt >= retry.attempts) return { kind: 'failed', error };
      log.warn('handler failed, will be called again', { conversationId, seq, attempt, error });
      await clock.sleep(backoffMs(retry, attempt, Math.random()), signals.closing);
    }
  }
}
