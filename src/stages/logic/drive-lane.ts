/**
 * Drives one lane from assignment to end. Decides nothing: `step` names effects, lane-effects.ts performs them, and
 * what happened goes back to `step`; this takes the next batch when the lane wants one.
 *
 * Owns: the queue and the lane's state. Stops: by `stop` (ends what was begun) or `revoke` (at once). A bug of ours
 * rejects `done`; the owner must then end the process.
 */
import type { Clock } from '../../clock/clock.js';
import {
  NEW_LANE,
  type LaneEffect,
  type LaneEnd,
  type LaneEvent,
  type LanePhase,
  type LaneState,
} from '../../lane/state.js';
import { step, wantsBatch } from '../../lane/step.js';
import { messageOf } from '../../errors.js';
import type { Log } from '../../observe/log.js';
import type { LogEnd } from '../../ordering/decide.js';
import type { OrderingLimits } from '../../ordering/state.js';
import type { LaneEpoch } from '../../protocol/ids.js';
import type { KafkaRecord } from '../../record.js';
import type { BatchPace } from './batch-pace.js';
import type { LaneEdges } from './edges.js';
import { LaneEffects } from './lane-effects.js';
import { LaneIntake } from './lane-intake.js';
import type { QueueLimits } from '../bounded-queue.js';
import type { LogicMetrics } from './metrics.js';
import { readBatch } from './read-batch.js';

/** Where the log's end can't be had, it is asked for again after this. */
const END_RETRY_MS = 100;
/** While the clock is too wrong to stamp with, it is looked at again this often. */
const CLOCK_RECHECK_MS = 100;

export interface LaneLimits {
  /** Batches of fewer records wait for a turn of the worker's `BatchPace`. */
  readonly paceRecords: number;
  readonly batchMaxRecords: number;
  readonly batchMaxBytes: number;
  readonly queue: QueueLimits;
  readonly ordering: OrderingLimits;
}

export interface LaneDeps {
  readonly partition: number;
  readonly edges: LaneEdges;
  readonly limits: LaneLimits;
  /** Shared by the lanes of a worker. */
  readonly pace: BatchPace;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: LogicMetrics;
  /** Whether the clock is right enough to stamp with; absent: always. Takeovers don't ask: they stamp nothing. */
  readonly mayStamp?: (() => boolean) | undefined;
}

export class LaneDriver {
  /** How the lane ended. Rejects on a bug only. */
  readonly done: Promise<LaneEnd>;
  readonly #deps: LaneDeps;
  readonly #intake: LaneIntake;
  readonly #effects: LaneEffects;
  readonly #ended = new AbortController();
  #state: LaneState = NEW_LANE;
  /** The turn reserved for the next small batch, on the monotonic clock. */
  #turnAtMs: number | null = null;
  /** Where the log ended when held messages were due; null where it wasn't asked in this reign. */
  #logEnd: LogEnd | null = null;
  #isAsking = false;
  /** When the timer looks for work; Infinity where none is set. */
  #wakesAtMs = Number.POSITIVE_INFINITY;
  #resolve!: (end: LaneEnd) => void;
  #reject!: (error: unknown) => void;

  constructor(deps: LaneDeps) {
    this.#deps = deps;
    this.#intake = new LaneIntake(deps.edges.log, deps.limits.queue);
    this.#effects = new LaneEffects(deps, this.#ended.signal);
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get phase(): LanePhase {
    return this.#state.phase;
  }

  get laneEpoch(): LaneEpoch {
    return this.#state.laneEpoch;
  }

  start(): void {
    this.#post({ kind: 'assigned' });
  }

  /** Ends what was begun, begins nothing more. */
  stop(): void {
    this.#post({ kind: 'stop' });
  }

  /** The partition is no longer ours: ends at once. What is in flight is settled by the new owner's fences. */
  revoke(): void {
    this.#post({ kind: 'revoked' });
  }

  /** Another owner may have been here unseen: take the lane again. */
  retake(): void {
    if (this.phase === 'running') this.#post({ kind: 'takeoverFailed' });
  }

  /** Takes fetched records. Those already taken (a refetch after a rebalance) are dropped; a hole ends the lane. */
  offer(records: readonly KafkaRecord[]): void {
    const offered = this.#intake.offer(records);
    if (offered.kind === 'broken') this.#post({ kind: 'logBroken', reason: offered.reason });
    else this.#feed();
  }

  /** After a rebalance that left the lane with us: read on where it was, in the pause state it was in. */
  reopen(): void {
    this.#intake.reopen();
  }

  #post(event: LaneEvent): void {
    if (this.#state.phase === 'ended') return;
    try {
      const turn = step(this.#state, event);
      this.#state = turn.state;
      for (const effect of turn.effects) this.#begin(effect);
      if (turn.state.end !== null) this.#finish(turn.state.end);
      else this.#feed();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Takes batches as long as the lane wants one and has work: records, or held messages that are due. */
  #feed(): void {
    while (wantsBatch(this.#state)) {
      const waitMs = this.#msUntilWork();
      if (waitMs > 0) {
        this.#feedIn(waitMs);
        return;
      }
      const { batchMaxRecords, batchMaxBytes } = this.#deps.limits;
      this.#turnAtMs = null;
      const records = this.#intake.take(batchMaxRecords, batchMaxBytes);
      this.#post({ kind: 'batch', batch: readBatch(records, this.#state.nextOffset, this.#logEnd) });
    }
  }

  /** 0 where a batch is to be taken now; Infinity where nothing is to be done until records come. */
  #msUntilWork(): number {
    const { clock, limits, pace, mayStamp } = this.#deps;
    const nowMs = clock.monotonicMs();
    const dueMs = this.#effects.dueMs ?? Number.POSITIVE_INFINITY;
    if (dueMs <= nowMs && (this.#logEnd?.askedMs ?? Number.NEGATIVE_INFINITY) < dueMs) void this.#askLogEnd();
    if (this.#intake.isEmpty) {
      if (dueMs > nowMs) return dueMs - nowMs;
      // Asked since, and read up to there: the answer, or the records up to it, bring the lane here again.
      if (this.#isBehind(dueMs)) return Number.POSITIVE_INFINITY;
    }
    if (mayStamp?.() === false) return CLOCK_RECHECK_MS;
    if (this.#intake.length >= limits.paceRecords) return 0;
    this.#turnAtMs ??= pace.reserve(nowMs);
    return Math.max(0, this.#turnAtMs - nowMs);
  }

  /** Whether the log may have what came before this moment, and the lane hasn't read it. */
  #isBehind(dueMs: number): boolean {
    const end = this.#logEnd;
    return end === null || end.askedMs < dueMs || end.nextOffset > this.#state.nextOffset;
  }

  /**
   * Before held messages are let out: what they wait for may lie in the log, unread because this process, or the
   * fetching, stood still. Then it comes by itself.
   */
  async #askLogEnd(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    const { edges, clock, log } = this.#deps;
    const askedMs = clock.monotonicMs();
    const { laneEpoch } = this.#state;
    try {
      const nextOffset = await edges.log.end();
      if (laneEpoch === this.#state.laneEpoch) this.#logEnd = { nextOffset, askedMs };
    } catch (error) {
      log.debug('the end of the log could not be read, will try again', { error: messageOf(error) });
      await clock.sleep(END_RETRY_MS, this.#ended.signal);
    }
    this.#isAsking = false;
    this.#feed();
  }

  /** Looks again then. One timer at a time, unless a sooner one is needed; one that finds nothing to do does nothing. */
  #feedIn(waitMs: number): void {
    const { clock } = this.#deps;
    const atMs = clock.monotonicMs() + waitMs;
    if (waitMs === Number.POSITIVE_INFINITY || this.#wakesAtMs <= atMs) return;
    this.#wakesAtMs = atMs;
    void clock.sleep(Math.ceil(waitMs), this.#ended.signal).then(() => {
      if (this.#wakesAtMs === atMs) this.#wakesAtMs = Number.POSITIVE_INFINITY;
      this.#feed();
    });
  }

  #finish(end: LaneEnd): void {
    this.#ended.abort();
    this.#resolve(end);
  }

  #fail(error: unknown): void {
    this.#ended.abort();
    this.#reject(error);
    this.#effects.discard().catch(() => undefined); // the bug that was told first is the one to mend
  }

  /** Begins an effect; its reply comes as an event of the same reign, or is void. */
  #begin(effect: LaneEffect): void {
    if (effect.kind === 'discard') return this.#discard();
    if (effect.kind === 'open') {
      this.#effects.open(effect, this.#state);
      return this.#intake.open(effect.nextOffset);
    }
    this.#effects.perform(effect).then(
      (event) => {
        if (event !== null) this.#post(event);
      },
      (error: unknown) => {
        this.#fail(error);
      },
    );
  }

  #discard(): void {
    this.#intake.close();
    this.#logEnd = null;
    this.#effects.discard().catch((error: unknown) => {
      this.#fail(error);
    });
  }
}
