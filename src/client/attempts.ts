/** Trying something again: one attempt bounded in time, and the pause before the next. Times are milliseconds. */
import { InorderError, messageOf } from '../errors.js';

export interface RetryPolicy {
  /** Pause after the first failure; doubles with each further one. */
  readonly initialMs: number;
  /** Longest pause. */
  readonly maxMs: number;
  readonly maxAttempts: number;
  /** After this an attempt that did not end counts as failed; it may still succeed behind our back. */
  readonly attemptTimeoutMs: number;
}

/** About two minutes of trying. */
const DEFAULTS: RetryPolicy = { initialMs: 100, maxMs: 10_000, maxAttempts: 18, attemptTimeoutMs: 15_000 };
const LONGEST_WAIT_MS = 3_600_000;

/** @throws InorderError usage naming the member */
export function settleRetry(given: Partial<RetryPolicy>): RetryPolicy {
  const policy = { ...DEFAULTS, ...given };
  for (const [name, value] of Object.entries(policy)) {
    const least = name === 'initialMs' || name === 'maxMs' ? 0 : 1;
    if (Number.isInteger(value) && value >= least && value <= LONGEST_WAIT_MS) continue;
    throw new InorderError(
      'usage',
      `retry.${name} is ${value}: expected an integer from ${least} to ${LONGEST_WAIT_MS}`,
    );
  }
  return policy;
}

export type Outcome =
  | { readonly kind: 'done' }
  /** `mayPass` is false where the error says that trying again is no use. */
  | { readonly kind: 'failed'; readonly reason: string; readonly mayPass: boolean };

/** Never rejects. What is left behind at a time-out or a stop is told so by its signal, and no longer waited for. */
export async function attempt(
  work: (context: { readonly signal: AbortSignal }) => Promise<void>,
  timeoutMs: number,
  stop: AbortSignal,
): Promise<Outcome> {
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), timeoutMs);
  const either = linked([timeout.signal, stop]);
  const givenUp = new Promise<Outcome>((resolve) => {
    const end = (): void => {
      const reason = stop.aborted ? 'it was stopped' : `no answer after ${timeoutMs} ms`;
      resolve({ kind: 'failed', reason, mayPass: true });
    };
    if (either.signal.aborted) end();
    else either.signal.addEventListener('abort', end, { once: true });
  });
  try {
    return await Promise.race([perform(work, either.signal), givenUp]);
  } finally {
    clearTimeout(timer);
    either.unlink();
  }
}

/**
 * A signal that aborts with the first of several. Where a sender lives for long, its own signal must not gather a
 * listener a message, so this one lets go of them; AbortSignal.any leaves that to the garbage collector.
 */
export function linked(signals: readonly AbortSignal[]): { readonly signal: AbortSignal; readonly unlink: () => void } {
  const any = new AbortController();
  const abort = (): void => any.abort();
  for (const signal of signals) {
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
  }
  return {
    signal: any.signal,
    unlink: () => {
      for (const signal of signals) signal.removeEventListener('abort', abort);
    },
  };
}

async function perform(
  work: (context: { readonly signal: AbortSignal }) => Promise<void>,
  signal: AbortSignal,
): Promise<Outcome> {
  try {
    await work({ signal });
    return { kind: 'done' };
  } catch (error) {
    const mayPass = !(typeof error === 'object' && error !== null && 'retryable' in error && error.retryable === false);
    return { kind: 'failed', reason: messageOf(error), mayPass };
  }
}

/** The pause after the `failures`-th failure, up to a quarter of it left to chance. @returns false when stopped */
export async function pause(policy: RetryPolicy, failures: number, stop: AbortSignal): Promise<boolean> {
  const doublings = Math.min(failures - 1, 30);
  const ms = Math.min(policy.maxMs, policy.initialMs * 2 ** doublings) * (1 - Math.random() / 4);
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      stop.removeEventListener('abort', end);
      resolve(!stop.aborted);
    };
    const timer = setTimeout(end, ms);
    if (stop.aborted) end();
    else stop.addEventListener('abort', end, { once: true });
  });
}
