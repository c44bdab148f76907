import type { Clock } from '../clock/clock.js';
import type { OutgoingRecord } from '../record.js';

export interface PacedSendOptions {
  /** Resolves when the broker has acknowledged all of them. */
  readonly send: (records: readonly OutgoingRecord[]) => Promise<void>;
  /** Records a second; null sends as fast as acknowledgements come. */
  readonly ratePerSecond: number | null;
  readonly clock: Clock;
  /** Ends the sending between two batches; what was begun is awaited. */
  readonly stop: AbortSignal;
  readonly onAcknowledged?: (total: number) => void;
}

export interface PacedSendResult {
  readonly acknowledged: number;
  readonly tookMs: number;
}

/** One request's worth: large enough for throughput, small enough for memory with large values among them. */
const MAX_BATCH_RECORDS = 1_000;
/** A producer's linger: a request for every record would load the broker with requests, not with messages. */
const LINGER_MS = 5;
const LONGEST_NAP_MS = 50;

/**
 * Sends all records, one batch after the other, no faster than the rate. What falls behind is caught up in larger
 * batches, so that the rate holds on average. @throws what `send` throws
 */
export async function sendPaced(
  records: Iterator<OutgoingRecord>,
  options: PacedSendOptions,
): Promise<PacedSendResult> {
  const { send, ratePerSecond, clock, stop, onAcknowledged } = options;
  const begunMs = clock.monotonicMs();
  let lingerUntilMs = 0;
  let acknowledged = 0;
  while (!stop.aborted) {
    const elapsedMs = clock.monotonicMs() - begunMs;
    const due = dueNow(ratePerSecond, elapsedMs, acknowledged);
    const waitMs = due.count === MAX_BATCH_RECORDS ? 0 : Math.max(due.waitMs, lingerUntilMs - elapsedMs);
    if (waitMs > 0) {
      await clock.sleep(waitMs, stop);
      continue;
    }
    lingerUntilMs = elapsedMs + LINGER_MS;
    const batch = take(records, due.count);
    if (batch.length === 0) break;
    await send(batch);
    acknowledged += batch.length;
    onAcknowledged?.(acknowledged);
  }
  return { acknowledged, tookMs: clock.monotonicMs() - begunMs };
}

/** How many are to be sent now, and where none is, how long until one is. */
function dueNow(ratePerSecond: number | null, elapsedMs: number, sent: number): { count: number; waitMs: number } {
  if (ratePerSecond === null) return { count: MAX_BATCH_RECORDS, waitMs: 0 };
  const due = Math.floor((elapsedMs * ratePerSecond) / 1000) + 1 - sent;
  if (due > 0) return { count: Math.min(due, MAX_BATCH_RECORDS), waitMs: 0 };
  return { count: 0, waitMs: Math.min(LONGEST_NAP_MS, (sent * 1000) / ratePerSecond - elapsedMs) };
}

function take(records: Iterator<OutgoingRecord>, count: number): OutgoingRecord[] {
  const batch: OutgoingRecord[] = [];
  while (batch.length < count) {
    const next = records.next();
    if (next.done === true) break;
    batch.push(next.value);
  }
  return batch;
}
