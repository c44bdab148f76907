import type { Metrics } from '../../observe/metrics.js';

/** What the delivery consumer counts. */
export interface DeliveryMetrics {
  handled(tookMs: number): void;
  /** One call of the handler failed; it may be called again. */
  handlerFailed(): void;
  dropped(): void;
  gap(): void;
  repaired(): void;
  unreadable(): void;
  deadLettered(reason: string): void;
  halted(): void;
  lag(partition: number, records: number): void;
  /** The partitions held from now on: how many, and which of the former ones are gone. */
  held(count: number, gone: readonly number[]): void;
}

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export function deliveryMetrics(metrics: Metrics): DeliveryMetrics {
  const name = (what: string): string => `inorder_delivery_${what}`;
  const handled = metrics.histogram(name('handler_seconds'), 'Successful calls of the handler', SECONDS);
  const failures = metrics.counter(name('handler_failures_total'), 'Calls of the handler that failed');
  const dropped = metrics.counter(name('dropped_total'), 'Records whose seq had been handled before');
  const gaps = metrics.counter(name('gaps_total'), 'Gaps in the seq of a conversation');
  const repaired = metrics.counter(
    name('repaired_total'),
    'Messages handled from history because the topic left them out',
  );
  const unreadable = metrics.counter(name('unreadable_total'), 'Records of the topic that are no delivery record');
  const deadLetters = metrics.counter(name('dead_letters_total'), 'Messages given up to the dead letter topic', [
    'reason',
  ]);
  const halts = metrics.counter(name('halts_total'), 'Conversations halted');
  const lag = metrics.gauge(name('lag_records'), 'Records of a partition not yet fetched or not finished', [
    'partition',
  ]);
  const partitions = metrics.gauge(name('partitions'), 'Partitions of the topic held by this process');
  return {
    handled: (tookMs) => {
      handled.observe(tookMs / 1000);
    },
    handlerFailed: () => {
      failures.inc();
    },
    dropped: () => {
      dropped.inc();
    },
    gap: () => {
      gaps.inc();
    },
    repaired: () => {
      repaired.inc();
    },
    unreadable: () => {
      unreadable.inc();
    },
    deadLettered: (reason) => {
      deadLetters.inc(1, { reason });
    },
    halted: () => {
      halts.inc();
    },
    lag: (partition, records) => {
      lag.set(records, { partition });
    },
    held: (count, gone) => {
      partitions.set(count);
      for (const partition of gone) lag.remove({ partition });
    },
  };
}
