/**
 * Named points in the crash windows, at which a test lets the process die, stall, fail or wait. Off, which is always
 * outside tests, a point is one comparison with null and no await:
 *
 *   if (failpoint !== null) await failpoint('logic.after_store');
 *
 * A point that fails throws a retryable error, as a lost connection would: the code around it can't tell.
 */
import { InorderError } from './errors.js';

/** Each point, and what is done and isn't when it is reached. */
export const FAILPOINTS = {
  'ingest.after_fetch': 'records fetched and judged; nothing of them is sent',
  'ingest.after_send': 'records acknowledged in im.logic or im.dlq; nobody knows',
  'ingest.before_commit': 'records sent; the position is not committed',
  'ingest.after_commit': 'the position is committed; nobody knows',
  'logic.before_store': 'a batch is decided; PostgreSQL has not seen it',
  'logic.after_store': 'PostgreSQL answered; the lane has not heard it',
  'logic.before_forward': 'a batch is stored; no Kafka transaction is open',
  'logic.after_produce': 'the records lie in an open transaction; the offset does not',
  'logic.before_end': 'records and offset lie in an open transaction; it is not ended',
  'logic.after_end': 'the transaction is committed; the lane has not heard it',
  'takeover.before_fences': 'the lane is assigned; the former owner is not fenced at all',
  'takeover.between_fences': 'fenced in PostgreSQL, not yet in Kafka',
  'takeover.before_read': 'both fences are up; the committed offset is not read',
  'takeover.after_read': 'the committed offset is read; the epoch is not read again',
  'takeover.during_emission': 'stored rows above the watermark are read; they are not emitted',
  'takeover.before_holds': 'the lane is ours; the held messages are not read',
  'resequencing.after_hold': 'PostgreSQL has a held message; the lane has not heard it',
  'resequencing.before_release': 'a held message is due; PostgreSQL has not seen its release',
  'resequencing.after_release': 'PostgreSQL released a held message; the lane has not heard it',
  'delivery.before_handler': 'a delivery has its turn; the handler is not called',
  'delivery.after_handler': 'the handler succeeded; nobody knows',
  'delivery.before_commit': 'deliveries are handled; the position is not committed',
  'delivery.after_commit': 'the position is committed; nobody knows',
} as const satisfies Record<string, string>;

export type FailpointName = keyof typeof FAILPOINTS;

export type FailpointAction =
  /** kill -9 of the process itself. */
  | { readonly kind: 'kill' }
  /** The whole process stands still, as under SIGSTOP or a long collection. */
  | { readonly kind: 'pause'; readonly ms: number }
  /** What reached the point waits; everything else goes on. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** What reached the point fails. */
  | { readonly kind: 'fail' };

export interface FailpointRule {
  readonly name: FailpointName;
  readonly action: FailpointAction;
  /** 'at': once, the nth time the point is reached (from 1). 'chance': of each time, by the plan's seed. */
  readonly when:
    | { readonly kind: 'always' }
    | { readonly kind: 'at'; readonly count: number }
    | { readonly kind: 'chance'; readonly percent: number };
}

export interface FailpointPlan {
  readonly rules: readonly FailpointRule[];
  readonly seed: number;
}

/** What points do to the process; the edge performs it, so that this module needs nothing. */
export interface FailpointEffects {
  /** Before the action, and written out before this returns: a kill follows. */
  hit(name: FailpointName, action: FailpointAction): void;
  kill(): void;
  /** Returns after `ms`, and nothing else runs meanwhile. */
  pause(ms: number): void;
  sleep(ms: number): Promise<void>;
}

/** Null while failpoints are off. @throws InorderError failpoint (retryable), where a rule says `fail` */
export let failpoint: ((name: FailpointName) => Promise<void>) | null = null;

/** Arms the points of a plan; null turns all of them off. */
export function armFailpoints(plan: FailpointPlan | null, effects?: FailpointEffects): void {
  if (plan === null || effects === undefined) {
    failpoint = null;
    return;
  }
  const armed = plan.rules.map((rule, index) => ({ rule, random: randomFrom(plan.seed + index), reached: 0 }));
  failpoint = async (name) => {
    for (const point of armed) {
      if (point.rule.name !== name) continue;
      point.reached += 1;
      if (applies(point.rule.when, point.reached, point.random)) await perform(point.rule, effects);
    }
  };
}

function applies(when: FailpointRule['when'], reached: number, random: () => number): boolean {
  if (when.kind === 'always') return true;
  return when.kind === 'at' ? reached === when.count : random() * 100 < when.percent;
}

async function perform({ name, action }: FailpointRule, effects: FailpointEffects): Promise<void> {
  effects.hit(name, action);
  switch (action.kind) {
    case 'kill':
      effects.kill();
      return;
    case 'pause':
      effects.pause(action.ms);
      return;
    case 'delay':
      await effects.sleep(action.ms);
      return;
    case 'fail':
      throw new InorderError('failpoint', `failpoint ${name}`);
  }
}

/** mulberry32. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
