/**
 * Performs what `step` asks for, on the edges, and tells what happened as events. Owns what one reign has: the ordering
 * state and the fenced producer. `discard` ends the reign; what was begun before is void from then on, whatever
 * becomes of it: the takeover that follows reads what really happened.
 */
import type { Clock } from '../../clock/clock.js';
import { InorderError, messageOf } from '../../errors.js';
import { invariant, unreachable } from '../../invariant.js';
import type { LaneEffect, LaneEvent, LaneState } from '../../lane/state.js';
import type { Log } from '../../observe/log.js';
import { reopenHold } from '../../ordering/held.js';
import type { Plan } from '../../ordering/plan.js';
import { newOrderingState, type OrderingLimits } from '../../ordering/state.js';
import type { BatchPace } from './batch-pace.js';
import type { LaneEdges, LaneForwarder } from './edges.js';
import type { LogicMetrics } from './metrics.js';
import { momentOf } from './moment.js';
import { BatchStorer } from './store-batch.js';

/** Rows emitted again in one transaction; larger than any two batches, so that a batch is seen whole or not at all. */
const EMIT_PAGE = 5_000;
const MAX_BACKOFF_MS = 2_000;
/** Gaps that a line of the log names: one line a batch, however many were given up. */
const GIVEN_UP_NAMED = 5;

export interface EffectDeps {
  readonly partition: number;
  readonly edges: LaneEdges;
  readonly limits: { readonly ordering: OrderingLimits; readonly paceRecords: number };
  readonly pace: BatchPace;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: LogicMetrics;
}

type OpenEffect = Extract<LaneEffect, { kind: 'open' }>;
/** Effects that a server answers. */
export type AskedEffect = Exclude<LaneEffect, { kind: 'discard' | 'open' }>;

export class LaneEffects {
  readonly #deps: EffectDeps;
  readonly #ended: AbortSignal;
  #reign = 0;
  #storer: BatchStorer | null = null;
  #forwarder: LaneForwarder | null = null;
  #takeoverBeganMs: number;

  /** @param ended ends the waits before another try. */
  constructor(deps: EffectDeps, ended: AbortSignal) {
    this.#deps = deps;
    this.#ended = ended;
    this.#takeoverBeganMs = deps.clock.monotonicMs();
  }

  /** Resolves to what happened, or to null where that concerns nobody any more. Rejects on a bug only. */
  async perform(effect: AskedEffect): Promise<LaneEvent | null> {
    const reign = this.#reign;
    const event = await this.#perform(effect);
    return reign === this.#reign ? event : null;
  }

  /** The lane runs from here: batches may come. */
  open(effect: OpenEffect, { lastMsgId, laneEpoch }: LaneState): void {
    const { partition, limits, edges, clock, log, metrics } = this.#deps;
    const { nextOffset, caughtUpOffset } = effect;
    const now = momentOf(clock);
    const held = effect.held.map((one) => reopenHold(one, now, limits.ordering.reorder));
    const ordering = newOrderingState({ partition, lastMsgId, nextOffset, caughtUpOffset, held }, limits.ordering);
    this.#storer = new BatchStorer(ordering, laneEpoch, edges.store, clock);
    const tookMs = Math.round(clock.monotonicMs() - this.#takeoverBeganMs);
    metrics.takenOver(tookMs);
    metrics.holds(partition, held.length);
    log.info('lane taken over', { laneEpoch, nextOffset, heldCount: held.length, tookMs });
  }

  /** When the lane has something to do even if no record comes; monotonic ms, null where nothing is held. */
  get dueMs(): number | null {
    return this.#storer?.dueMs ?? null;
  }

  /** Throws the reign away: nothing of it is used again. Rejects on a bug only. */
  async discard(): Promise<void> {
    this.#reign += 1;
    if (this.#storer !== null) this.#deps.metrics.holds(this.#deps.partition, null);
    this.#storer = null;
    const forwarder = this.#forwarder;
    this.#forwarder = null;
    await forwarder?.discard();
  }

  async #perform(effect: AskedEffect): Promise<LaneEvent | null> {
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
      case 'readHeld':
        return this.#orTakeoverFailed(effect.kind, async () => ({
          kind: 'heldRead',
          held: await this.#deps.edges.store.held(),
        }));
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
      await clock.sleep(Math.min(MAX_BACKOFF_MS, 25 * 2 ** Math.min(failedTakeovers, 10)), this.#ended);
      if (this.#ended.aborted) return null;
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
          this.#tellHolds(outcome.plan, storer);
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

  #tellHolds({ givenUp }: Plan, { heldCount }: BatchStorer): void {
    const { partition, log, metrics } = this.#deps;
    metrics.holds(partition, heldCount);
    if (givenUp.length === 0) return;
    const first = givenUp.slice(0, GIVEN_UP_NAMED);
    log.info('gaps in sender numbers given up: what still comes of them is late', { count: givenUp.length, first });
  }

  async #forward(effect: Extract<LaneEffect, { kind: 'forward' }>): Promise<LaneEvent | null> {
    const reign = this.#reign;
    const { clock, log, metrics, limits, pace } = this.#deps;
    const forwarder = this.#forwarder;
    invariant(forwarder !== null, 'a forward without a producer');
    const beganMs = clock.monotonicMs();
    const outcome = await forwarder.forward(effect.stamped, effect, effect.laneEpoch);
    if (reign !== this.#reign) return null;
    switch (outcome.kind) {
      case 'committed': {
        const tookMs = clock.monotonicMs() - beganMs;
        metrics.forwarded(effect.stamped, tookMs);
        if (effect.stamped.length < limits.paceRecords) pace.took(tookMs);
        return { kind: 'forwarded' };
      }
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
