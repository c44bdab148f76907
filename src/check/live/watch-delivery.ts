import type { Clock } from '../../clock/clock.js';
import type { PartitionLogReader } from '../../kafka/partition-log.js';
import type { LogEnd } from '../evidence.js';
import { deliveryIn } from '../readers/record-texts.js';
import type { LiveCheck } from './live-check.js';

export interface WatchOptions {
  readonly check: LiveCheck;
  readonly logs: PartitionLogReader;
  readonly topic: string;
  readonly from: ReadonlyMap<number, number>;
  readonly clock: Clock;
  readonly stop: AbortSignal;
  /** Called whenever a partition had its turn. */
  readonly onTurn: () => void;
}

const SWEEP_EVERY_MS = 5_000;

/** Hands a delivery topic to a live check as it is written, until `stop` aborts. @throws InorderError as the reader of the log */
export async function watchDelivery({ check, logs, topic, from, clock, stop, onTurn }: WatchOptions): Promise<void> {
  let sweepAtMs = clock.monotonicMs() + SWEEP_EVERY_MS;
  const seenEnds = new Map<number, { stableOffset: number; endOffset: number }>();
  for await (const { partition, records, nextOffset, stableOffset, endOffset } of logs.follow(topic, from, stop)) {
    const deliveries = records.map(({ record, outcome, transaction }) => deliveryIn(record, outcome, transaction));
    check.take(partition, deliveries, Math.max(0, endOffset - nextOffset));
    seenEnds.set(partition, { stableOffset, endOffset });
    onTurn();
    if (clock.monotonicMs() < sweepAtMs) continue;
    sweepAtMs = clock.monotonicMs() + SWEEP_EVERY_MS;
    const ends: LogEnd[] = [];
    for (const [one, seen] of seenEnds) {
      const isOpen = seen.stableOffset < seen.endOffset;
      const { openSinceMs } = isOpen ? await logs.ends(topic, one, seen.stableOffset) : NOTHING_OPEN;
      const openForMs = openSinceMs === null ? null : Math.max(0, clock.nowMs() - openSinceMs);
      ends.push({ topic, partition: one, ...seen, openForMs });
    }
    check.sweep(ends);
  }
}

const NOTHING_OPEN = { openSinceMs: null } as const;
