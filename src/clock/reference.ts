/**
 * What is known of another clock. A look at it is bracketed by the monotonic clock, which never steps: what the other
 * said belongs to the middle of the bracket, half of the round trip is the error. What is kept is how far the other is
 * ahead of the monotonic clock; a step of our own wall clock shows against it at once, without another look.
 */

/** `ntp` is the truth; the servers' clocks are what a worker has without it. */
export type ClockSource = 'ntp' | 'postgres' | 'kafka';

/** One look at another clock. */
export interface ClockSample {
  readonly source: ClockSource;
  /** Monotonic, ms: before the question and after the answer. */
  readonly askedMs: number;
  readonly answeredMs: number;
  /** What the other clock said in between: ms since 1970 UTC, fractions included. */
  readonly saidMs: number;
  /** What the other doesn't know itself (an NTP server's distance from the truth), or doesn't say (fractions), ms. */
  readonly ownErrorMs: number;
}

/** What became of a look. */
export type ClockLook =
  | { readonly kind: 'seen'; readonly sample: ClockSample }
  /** Nobody is there to be asked: none is configured. */
  | { readonly kind: 'nobody' }
  | { readonly kind: 'silent'; readonly reason: string };

/** Another clock, as a line over the monotonic one. */
export interface ClockReference {
  readonly source: ClockSource;
  readonly aheadOfMonotonicMs: number;
  /** At `takenMs`; grows with age. */
  readonly errorMs: number;
  /** Monotonic, ms. */
  readonly takenMs: number;
}

/** How far two clocks that run freely drift apart; quartz does 50 millionths, a clock that is being corrected more. */
const DRIFT_MS_PER_MS = 0.000_1;
/** After this long without a look nothing is known. */
const KNOWN_FOR_MS = 300_000;

export function referenceOf({ source, askedMs, answeredMs, saidMs, ownErrorMs }: ClockSample): ClockReference {
  return {
    source,
    aheadOfMonotonicMs: saidMs - (askedMs + answeredMs) / 2,
    errorMs: (answeredMs - askedMs) / 2 + ownErrorMs,
    takenMs: answeredMs,
  };
}

/** How wrong it may be at `monotonicMs`; null when it is too old to say anything. */
export function errorAt({ errorMs, takenMs }: ClockReference, monotonicMs: number): number | null {
  const ageMs = Math.max(0, monotonicMs - takenMs);
  return ageMs > KNOWN_FOR_MS ? null : errorMs + ageMs * DRIFT_MS_PER_MS;
}

/**
 * Which of two looks at one clock to believe: the exact one, as long as both can be true; else the other clock was
 * set in between, and the newer is.
 */
export function betterOf(kept: ClockReference | undefined, fresh: ClockReference): ClockReference {
  const keptErrorMs = kept === undefined ? null : errorAt(kept, fresh.takenMs);
  if (kept === undefined || keptErrorMs === null) return fresh;
  const apartMs = Math.abs(kept.aheadOfMonotonicMs - fresh.aheadOfMonotonicMs);
  return apartMs > keptErrorMs + fresh.errorMs || fresh.errorMs <= keptErrorMs ? fresh : kept;
}
