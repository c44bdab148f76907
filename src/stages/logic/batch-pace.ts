/**
 * When the lanes of a worker may begin a small batch. A transaction costs the servers milliseconds of work however
 * little is in it, so a worker whose lanes never rest spends the machine on transactions, and is slower for it. What is
 * rationed is therefore the worker's transactions, whichever lane's they are: lanes reserve turns, first come, first
 * served. A turn is as long as a transaction has taken lately: a machine that is busy gets fewer and larger batches.
 *
 * Turns are waited for by the clock and never for another lane: a lane that is stuck delays nobody.
 */
export interface TurnLimits {
  readonly minMs: number;
  readonly maxMs: number;
}

/** Weight of the newest transaction in the average. */
const NEWEST_SHARE = 0.1;

export class BatchPace {
  #turnMs: number;
  #nextTurnMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly limits: TurnLimits) {
    this.#turnMs = limits.minMs;
  }

  /** How long a turn is now, ms. */
  get turnMs(): number {
    return this.#turnMs;
  }

  /** When the next free turn begins, on the clock of `nowMs` (monotonic); it is taken with this call. */
  reserve(nowMs: number): number {
    const turnAtMs = Math.max(nowMs, this.#nextTurnMs);
    this.#nextTurnMs = turnAtMs + this.#turnMs;
    return turnAtMs;
  }

  /** A transaction of a small batch took so long. */
  took(ms: number): void {
    const average = this.#turnMs + (ms - this.#turnMs) * NEWEST_SHARE;
    this.#turnMs = Math.min(this.limits.maxMs, Math.max(this.limits.minMs, average));
  }
}
