export interface Backoff {
  readonly initialMs: number;
  readonly maxMs: number;
  /** 0 to 1: the share of each wait that chance may take away, so that many waiters don't come back at once. */
  readonly jitter: number;
}

/** How long to wait after the `failures`-th failure in a row (from 1): doubling, bounded. `random` is 0 to 1. */
export function backoffMs(backoff: Backoff, failures: number, random: number): number {
  const doublings = Math.min(Math.max(failures - 1, 0), 30); // 2^30 × anything is beyond any bound
  const waitMs = Math.min(backoff.maxMs, backoff.initialMs * 2 ** doublings);
  return waitMs * (1 - backoff.jitter * random);
}
