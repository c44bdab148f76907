/**
 * Drives one lane from assignment to end. Decides nothing: `step` names effects, this performs them and reports what
 * happened. What failed is thrown away with everything remembered (`discard`), and replies to effects that were begun
 * before that are void: the takeover that follows reads what really came of them.
 *
 * Owns: the queue, the ordering state and the producer of the reign. Stops: by `stop` (ends what was begun) or
 * `revoke` (at once). A bug of ours rejects `done`; the owner must then end the process.
 */
import type { Clock } from '../../clock/clock.js';
import { InorderError, messageOf } from '../../errors.js';
import { invariant, unreachable } from '../../invariant.js';
import {
  NEW_LANE,
  type LaneEffect,
  type LaneEnd,
  type LaneEvent,
  type LanePhase,
  type LaneState,
} from '../../lane/state.js';
import { step, wantsBatch } from '../../lane/step.js';
import type { Log } from '../../observe/log.js';
import { newOrderingState, type OrderingLimits } from '../../ordering/state.js';
import type { LaneEpoch } from '../../protocol/ids.js';
import type { KafkaRecord } from '../../record.js';
import type { LaneEdges, LaneForwarder } from './edges.js';
import { LaneIntake } from './lane-intake.js';
import type { QueueLimits } from '../bounded-queue.js';
import type { LogicMetrics } from './metrics.js';
import { readBatch } from './read-batch.js';
import { BatchStorer } from './store-batch.js';

/** Rows emitted again in one transaction; larger than any two batches, so that a batch is seen whole or not at all. */
const EMIT_PAGE = 5_000;
const MAX_BACKOFF_MS = 2_000;

export interface LaneLimits {
  /**
   * Batches smaller than `paceRecords` keep this distance: a transaction costs the broker milliseconds however little
   * is in it, and lanes that never rest would spend the machine on them and be slower for it.
   */
  readonly batchPaceMs: number;
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
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: LogicMetrics;
}

export class LaneDriver {
  /** How the lane ended. Rejects on a bug only. */
  readonly done: Promise<LaneEnd>;
  readonly #deps: LaneDeps;
  readonly #intake: LaneIntake;
  readonly #ended = new AbortController();
  #state: LaneState = NEW_LANE;
  #reign = 0;
  #storer: BatchStorer | null = null;
  #forwarder: LaneForwarder | null = null;
  #takeoverBeganMs: number;
  #lastBatchMs = Number.NEGATIVE_INFINITY;
  #resting = false;
  #resolve!: (end: LaneEnd) => void;
  #reject!: (error: unknown) => void;

  constructor(deps: LaneDeps) {
    this.#deps = deps;
    this.#intake = new LaneIntake(deps.edges.log, deps.limits.queue);
    this.#takeoverBeganMs = deps.clock.monotonicMs();
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

  #feed(): void {
    while (wantsBatch(this.#state) && !this.#intake.isEmpty) {
      const { batchMaxRecords, batchMaxBytes } = this.#deps.limits;
      if (this.#restsBeforeBatch()) return;
      this.#post({ kind: 'batch', batch: readBatch(this.#intake.take(batchMaxRecords, batchMaxBytes)) });
    }
  }

  /** Whether the next batch has to wait a little; then it is taken when the time has come. */
  #restsBeforeBatch(): boolean {
    const { clock, limits } = this.#deps;
    const nowMs = clock.monotonicMs();
    const waitMs = this.#lastBatchMs + limits.batchPaceMs - nowMs;
    if (waitMs <= 0 || this.#intake.length >= limits.paceRecords) {
      this.#lastBatchMs = nowMs;
      return false;
    }
    if (!this.#resting) {
      this.#resting = true;
      void clock.sleep(waitMs, this.#ended.signal).then(() => {
        this.#resting = false;
        this.#feed();
      });
    }
    return true;
  }

  #finish(end: LaneEnd): void {
    this.#ended.abort();
    this.#resolve(end);
  }

  #fail(error: unknown): void {
    this.#reign += 1; // replies still to come are void
    this.#ended.abort();
    this.#reject(error);
  }

  /** Begins an effect; its reply comes as an event of the same reign, or is void. */
  #begin(effect: LaneEffect): void {
    if (effect.kind === 'discard') return this.#discard();
    if (effect.kind === 'open') return this.#open(effect.nextOffset);
    const reign = this.#reign;
    this.#perform(effect).then(
      (event) => {
        if (event !== null && reign === this.#reign) this.#post(event);
      },
      (error: unknown) => {
        this.#fail(error);
      },
    );
  }

  async #perform(effect: Exclude<LaneEffect, { kind: 'discard' | 'open' }>): Promise<LaneEvent | null> {
    switch (effect.kind) {
      case 'takeLane':
        return this.#orTakeoverFailed(effect.kind, () => this.#takeLane(effect.failedTakeovers));
      case 'fenceFormer':
        return this.#orTakeoverFailed(effect.kind, () => this.#fenceFormer());
      case 'readPosition':
        return this.#orTakeoverFailed(effect.kind, async () => {
          const position = await this.#deps.edges.log.position();
          return { kind: 'positionRead', laneEpoch: await this.#deps.edges.store.epoch(), ...position };
        });
      case 'readUnforwarded':
        return this.#orTakeoverFailed(effect.kind, async () => {
          const stamped = await this.#deps.edges.store.unforwarded(effect.after, EMIT_PAGE);
          if (stamped.length > 0) this.#deps.log.info('emitting stored messages again', { count: stamped.length });
          return { kind: 'unforwardedRead', stamped, isLast: stamped.length < EMIT_PAGE };
        });
      case 'store':
        return this.#storeBatch(effect);
      case 'forward':
        return this.#forward(effect);
      default:
        return unreachable(effect);
    }
  }

  /** A takeover that failed is tried again; a bug is a bug. */
  async #orTakeoverFailed(what: string, perform: () => Promise<LaneEvent | null>): Promise<LaneEvent | null> {
    try {
      return await perform();
    } catch (error) {
      if (isBug(error)) throw error;
      this.#deps.log.warn('takeover step failed, will try again', { step: what, error: messageOf(error) });
      return { kind: 'takeoverFailed' };
    }
  }

  async #takeLane(failedTakeovers: number): Promise<LaneEvent | null> {
    const { clock, edges } = this.#deps;
    if (failedTakeovers > 0) {
      await clock.sleep(Math.min(MAX_BACKOFF_MS, 25 * 2 ** Math.min(failedTakeovers, 10)), this.#ended.signal);
      if (this.#ended.signal.aborted) return null;
    }
    this.#takeoverBeganMs = clock.monotonicMs();
    return { kind: 'taken', ...(await edges.store.take()) };
  }

  async #fenceFormer(): Promise<LaneEvent> {
    const reign = this.#reign;
    const forwarder = await this.#deps.edges.log.fence();
    if (reign !== this.#reign) {
      await forwarder.discard(); // the lane ended meanwhile; nobody else holds this producer
    } else {
      this.#forwarder = forwarder;
    }
    return { kind: 'fencedFormer' };
  }

  #open(nextOffset: LaneState['nextOffset']): void {
    const { partition, limits, edges, clock, log, metrics } = this.#deps;
    const { lastMsgId, laneEpoch } = this.#state;
    const ordering = newOrderingState({ partition, lastMsgId, nextOffset }, limits.ordering);
    this.#storer = new BatchStorer(ordering, laneEpoch, edges.store, clock);
    this.#intake.open(nextOffset);
    const tookMs = Math.round(clock.monotonicMs() - this.#takeoverBeganMs);
    metrics.takenOver(tookMs);
    log.info('lane taken over', { laneEpoch, nextOffset, tookMs });
  }

  #discard(): void {
    this.#reign += 1;
    this.#intake.close();
    this.#storer = null;
    const forwarder = this.#forwarder;
    this.#forwarder = null;
    if (forwarder !== null) forwarder.discard().catch((error: unknown) => this.#fail(error));
  }

  async #storeBatch(effect: Extract<LaneEffect, { kind: 'store' }>): Promise<LaneEvent | null> {
    const reign = this.#reign;
    const { clock, log, metrics } = this.#deps;
    const storer = this.#storer;
    invariant(storer !== null, 'a store without a reign');
    const beganMs = clock.monotonicMs();
    try {
      const outcome = await storer.storeBatch(effect.batch);
      if (reign !== this.#reign) return null; // what came of it no longer concerns this reign
      switch (outcome.kind) {
        case 'stored':
          metrics.stored(
            effect.batch.records.length,
            outcome.plan,
            outcome.conflictCount,
            clock.monotonicMs() - beganMs,
          );
          return { kind: 'stored', plan: outcome.plan };
        case 'fenced':
          return { kind: 'storeFenced' };
        case 'refused':
          if (!outcome.retryable) {
            return { kind: 'storeRefused', reason: `PostgreSQL refused a batch: ${messageOf(outcome.cause)}` };
          }
          log.warn('store refused, lane is taken again', { error: messageOf(outcome.cause) });
          return { kind: 'storeUnknown' };
        case 'unknown':
          log.warn('store outcome unknown, lane is taken again', { error: messageOf(outcome.cause) });
          return { kind: 'storeUnknown' };
        default:
          return unreachable(outcome);
      }
    } catch (error) {
      if (isBug(error)) throw error;
      if (reign !== this.#reign) return null;
      log.warn('store failed, lane is taken again', { error: messageOf(error) });
      return { kind: 'storeUnknown' };
    }
  }

  async #forward(effect: Extract<LaneEffect, { kind: 'forward' }>): Promise<LaneEvent | null> {
    const reign = this.#reign;
    const { clock, log, metrics } = this.#deps;
    const forwarder = this.#forwarder;
    invariant(forwarder !== null, 'a forward without a producer');
    const beganMs = clock.monotonicMs();
    const outcome = await forwarder.forward(effect.stamped, effect, effect.laneEpoch);
    if (reign !== this.#reign) return null;
    switch (outcome.kind) {
      case 'committed':
        metrics.forwarded(effect.stamped, clock.monotonicMs() - beganMs);
        return { kind: 'forwarded' };
      case 'fenced':
        return { kind: 'forwardFenced' };
      case 'unknown':
        log.warn('forward outcome unknown, lane is taken again', { error: messageOf(outcome.cause) });
        return { kind: 'forwardUnknown' };
      default:
        return unreachable(outcome);
    }
  }
}

function isBug(error: unknown): boolean {
  return (
    (error instanceof InorderError && error.code === 'invariant_broken') ||
    error instanceof TypeError ||
    error instanceof RangeError ||
    error instanceof ReferenceError
  );
}
