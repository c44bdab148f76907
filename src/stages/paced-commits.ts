/**
 * Commits a group's positions at a pace: at most one commit each `intervalMs` and one at a time, whatever the number
 * of messages, and a last one at the end.
 *
 * A cursor moves only when everything before it is done, so a commit that is refused, lost or late can only make a
 * later owner start further back and do work again; it never loses any. That includes the commit that passes a
 * rebalance on its way: the broker refuses it by its generation, or it names what is done all the same.
 */
import type { Clock } from '../clock/clock.js';
import { InorderError, messageOf } from '../errors.js';
import type { CommitPosition } from '../kafka/group-contract.js';
import type { Log } from '../observe/log.js';

/** How far one partition came. */
export interface CommitCursor {
  readonly topic: string;
  readonly partition: number;
  /** Everything before it is done; null until something is. */
  readonly nextOffset: number | null;
  /** What the group was last seen to take; null before the first commit. Written by the commits only. */
  committedOffset: number | null;
}

export interface PacedCommitsDeps {
  /** The cursors of the partitions held now; those given up aren't among them, so their commits end with them. */
  readonly cursors: () => Iterable<CommitCursor>;
  readonly commit: (positions: readonly CommitPosition[]) => Promise<void>;
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

export class PacedCommits {
  readonly #deps: PacedCommitsDeps;
  readonly #stopping = new AbortController();
  #running: Promise<void> | null = null;
  #moved = false;

  constructor(deps: PacedCommitsDeps) {
    this.#deps = deps;
  }

  /** A cursor moved: it is committed within the interval. Costs next to nothing. */
  moved(): void {
    this.#moved = true;
    if (this.#running === null && !this.#stopping.signal.aborted) this.#running = this.#run();
  }

  /** Commits what is left, after the commit in flight, then nothing more. Never rejects. */
  async finish(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    await this.#commit();
  }

  async #run(): Promise<void> {
    const { clock, intervalMs } = this.#deps;
    const stop = this.#stopping.signal;
    while (this.#moved) {
      await clock.sleep(intervalMs, stop);
      if (stop.aborted) break; // `finish` commits
      this.#moved = false;
      if (!(await this.#commit())) this.#moved = true;
    }
    this.#running = null;
  }

  /** Whether nothing is left to do. Never rejects. */
  async #commit(): Promise<boolean> {
    const cursors: CommitCursor[] = [];
    const positions: CommitPosition[] = [];
    for (const cursor of this.#deps.cursors()) {
      const { topic, partition, nextOffset } = cursor;
      if (nextOffset === null || nextOffset === cursor.committedOffset) continue;
      cursors.push(cursor);
      positions.push({ topic, partition, nextOffset });
    }
    if (positions.length === 0) return true;
    try {
      await this.#deps.commit(positions);
    } catch (error) {
      const { log } = this.#deps;
      // The group moved on: nothing to worry about, and the next generation brings other cursors, or these again.
      if (error instanceof InorderError && !error.retryable)
        log.debug('offset commit refused', { error: error.message });
      else log.warn('offset commit failed, will be tried again', { error: messageOf(error) });
      return false;
    }
    cursors.forEach((cursor, i) => {
      cursor.committedOffset = positions[i]?.nextOffset ?? cursor.committedOffset;
    });
    return true;
  }
}
