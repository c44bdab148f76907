import type { LaneEnd } from '../../lane/state.js';
import type { Metrics } from '../../observe/metrics.js';
import type { Plan } from '../../ordering/plan.js';
import type { Stamped } from '../../protocol/message.js';

/** What the logic stage counts. The pure rooms return facts; they are counted here, at the edge. */
export interface LogicMetrics {
  owned(laneCount: number): void;
  takenOver(tookMs: number): void;
  ended(kind: LaneEnd['kind']): void;
  stored(recordCount: number, plan: Plan, conflictCount: number, tookMs: number): void;
  /** What a lane holds now; null where the lane is no longer ours. */
  holds(partition: number, heldCount: number | null): void;
  forwarded(stamped: readonly Stamped[], tookMs: number): void;
}

const SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export function logicMetrics(metrics: Metrics): LogicMetrics {
  const lanes = metrics.gauge('inorder_logic_lanes', 'Lanes this worker was assigned');
  const takeovers = metrics.histogram('inorder_logic_takeover_seconds', 'From assignment to an open lane', SECONDS);
  const ends = metrics.counter('inorder_logic_lane_ends_total', 'Lanes ended, by how', ['end']);
  const records = metrics.counter('inorder_logic_records_total', 'Records decided, stored');
  const messages = metrics.counter('inorder_logic_messages_total', 'Messages stamped and stored');
  const duplicates = metrics.counter('inorder_logic_duplicates_total', 'Records dropped: same identity, same content');
  const deadLetters = metrics.counter('inorder_logic_dead_letters_total', 'Records refused by a lane', ['reason']);
  const conflicts = metrics.counter('inorder_logic_store_conflicts_total', 'Stores decided again: a cache was wrong');
  const late = metrics.counter('inorder_logic_late_total', 'Messages stamped after their turn in their sender order');
  const holding = metrics.gauge('inorder_logic_held', 'Messages held for a gap in sender numbers', ['partition']);
  const held = metrics.counter('inorder_logic_held_total', 'Messages held in a row of their own');
  const released = metrics.counter('inorder_logic_released_total', 'Messages let out of their row');
  const givenUp = metrics.counter('inorder_logic_gaps_given_up_total', 'Gaps not waited for any longer', ['reason']);
  const storeTime = metrics.histogram('inorder_logic_store_seconds', 'Deciding and storing one batch', SECONDS);
  const forwardedCount = metrics.counter('inorder_logic_forwarded_total', 'Messages and dead letters forwarded');
  const forwardTime = metrics.histogram('inorder_logic_forward_seconds', 'One Kafka transaction', SECONDS);
  return {
    owned: (laneCount) => {
      lanes.set(laneCount);
    },
    takenOver: (tookMs) => {
      takeovers.observe(tookMs / 1000);
    },
    ended: (kind) => {
      ends.inc(1, { end: kind });
    },
    stored: (recordCount, plan, conflictCount, tookMs) => {
      records.inc(recordCount);
      duplicates.inc(plan.duplicateCount);
      conflicts.inc(conflictCount);
      storeTime.observe(tookMs / 1000);
      messages.inc(plan.messageCount);
      late.inc(plan.lateCount);
      held.inc(plan.held.length);
      released.inc(plan.released.length);
      for (const { reason } of plan.givenUp) givenUp.inc(1, { reason });
      if (plan.stamped.length === plan.messageCount) return;
      for (const one of plan.stamped) if (one.kind === 'dead_letter') deadLetters.inc(1, { reason: one.reason });
    },
    holds: (partition, heldCount) => {
      if (heldCount === null) holding.remove({ partition });
      else holding.set(heldCount, { partition });
    },
    forwarded: (stamped, tookMs) => {
      forwardedCount.inc(stamped.length);
      forwardTime.observe(tookMs / 1000);
    },
  };
}
