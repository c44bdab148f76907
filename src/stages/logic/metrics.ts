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
      messages.inc(
        recordCount - plan.duplicateCount - countDeadLetters(plan, (reason) => deadLetters.inc(1, { reason })),
      );
    },
    forwarded: (stamped, tookMs) => {
      forwardedCount.inc(stamped.length);
      forwardTime.observe(tookMs / 1000);
    },
  };
}

function countDeadLetters(plan: Plan, each: (reason: string) => void): number {
  let count = 0;
  if (plan.stamped.length === plan.identities.size) return 0;
  for (const one of plan.stamped) {
    if (one.kind !== 'dead_letter') continue;
    count += 1;
    each(one.reason);
  }
  return count;
}
