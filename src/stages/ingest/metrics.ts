import type { Metrics } from '../../observe/metrics.js';
import type { Chunk } from './intake.js';
import type { PartitionQueue } from './partition-queue.js';

/** What the ingest stage counts. Counted when acknowledged, so a repeated send counts once. */
export interface IngestMetrics {
  /** A chunk was acknowledged. */
  sent(chunk: Chunk, tookMs: number): void;
  /** A send's outcome was unknown; it is repeated. */
  sendFailed(): void;
  held(queues: Iterable<PartitionQueue>, gone: readonly number[]): void;
}

const SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export function ingestMetrics(metrics: Metrics): IngestMetrics {
  const records = metrics.counter(
    'inorder_ingest_records_total',
    'Records of im.ingest sent on, dead letters included',
  );
  const bytes = metrics.counter('inorder_ingest_bytes_total', 'Bytes sent on, dead letters included');
  const deadLetters = metrics.counter('inorder_ingest_dead_letters_total', 'Records refused by ingest', ['reason']);
  const sendTime = metrics.histogram('inorder_ingest_send_seconds', 'One acknowledged send', SECONDS);
  const failures = metrics.counter('inorder_ingest_send_failures_total', 'Sends of unknown outcome, repeated');
  const lag = metrics.gauge('inorder_ingest_lag_records', 'Records of a partition not yet sent on', ['partition']);
  const partitions = metrics.gauge('inorder_ingest_partitions', 'Partitions of im.ingest held by this process');
  return {
    sent: (chunk, tookMs) => {
      records.inc(chunk.records.length);
      bytes.inc(chunk.byteLength);
      sendTime.observe(tookMs / 1000);
      for (const { refusedFor } of chunk.records) {
        if (refusedFor !== null) deadLetters.inc(1, { reason: refusedFor });
      }
      for (const { queue } of chunk.ends) lag.set(queue.lag, { partition: queue.partition });
    },
    sendFailed: () => {
      failures.inc();
    },
    held: (queues, gone) => {
      partitions.set([...queues].length);
      for (const partition of gone) lag.remove({ partition });
    },
  };
}
