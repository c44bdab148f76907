import { systemClock } from '../clock/clock.js';
import type { OutgoingRecord } from '../record.js';
import { SeededRandom } from '../workload/random.js';
import { Reordered } from '../workload/reordered.js';
import { sendPaced, type PacedSendResult } from '../workload/send-paced.js';
import { Workload, type ExpectedCounts } from '../workload/workload.js';
import type { IngestWriter } from './ingest-writer.js';
import { note, print, printJson } from './output.js';
import { grouped, Progress } from './progress.js';
import { watchStopSignals } from './signals.js';
import { tableLines } from './table.js';

/** The flags of `produce` that make a synthetic load. */
export interface LoadFlags {
  readonly rate?: number;
  readonly count?: number;
  readonly conversations?: number;
  readonly duplicates?: number;
  readonly bad?: number;
  readonly reorder?: number;
  readonly seed?: number;
}

const DEFAULT_COUNT = 1_000;
const DEFAULT_CONVERSATIONS = 100;
const SEEDS = 0x1_0000_0000;

/** Whether any of the flags that only a load has was given. */
export function namesLoad({ rate, count, conversations, duplicates, bad, reorder, seed }: LoadFlags): boolean {
  return [rate, count, conversations, duplicates, bad, reorder, seed].some((flag) => flag !== undefined);
}

/** Sends the load and says what was acknowledged and what the pipeline must make of it. Ctrl-C ends it early. */
export async function produceLoad(
  flags: LoadFlags,
  { writer, maxValueBytes, json }: { writer: IngestWriter; maxValueBytes: number; json: boolean },
): Promise<void> {
  const seed = flags.seed ?? Math.floor(Math.random() * SEEDS);
  const workload = new Workload({
    seed,
    conversations: flags.conversations ?? DEFAULT_CONVERSATIONS,
    duplicateShare: flags.duplicates ?? 0,
    badShare: flags.bad ?? 0,
    startMs: systemClock.nowMs(),
    maxValueBytes,
  });
  const count = flags.count ?? (flags.rate === undefined ? DEFAULT_COUNT : Number.POSITIVE_INFINITY);
  const drawn = new Reordered(records(workload, writer, count), flags.reorder ?? 0, new SeededRandom(seed));
  const stop = watchStopSignals({ onForce: () => note('the last batch is still awaiting its acknowledgement') });
  const progress = new Progress();
  const begunMs = systemClock.monotonicMs();
  try {
    const paced = await sendPaced(drawn, {
      send: (batch) => writer.send(batch),
      ratePerSecond: flags.rate ?? null,
      clock: systemClock,
      stop: stop.signal,
      onAcknowledged: (total) => progress.update(() => progressText(total, count, begunMs)),
    });
    // What was to come later comes now: the totals are of all that was drawn.
    const rest = drawn.rest();
    if (rest.length > 0) await writer.send(rest);
    const result = { ...paced, acknowledged: paced.acknowledged + rest.length };
    progress.end();
    if (json) printJson(summary(seed, result, workload.expected));
    else show(seed, result, workload.expected);
  } finally {
    progress.end();
    stop.release();
  }
}

function* records(workload: Workload, writer: IngestWriter, count: number): Generator<OutgoingRecord> {
  for (let sent = 0; sent < count; sent += 1) yield writer.place(workload.next());
}

function progressText(total: number, count: number, begunMs: number): string {
  const rate = (total * 1000) / Math.max(1, systemClock.monotonicMs() - begunMs);
  return `${grouped(total)}${Number.isFinite(count) ? ` of ${grouped(count)}` : ''} acknowledged, ${grouped(rate)}/s`;
}

function ratePerSecond({ acknowledged, tookMs }: PacedSendResult): number {
  return tookMs === 0 ? 0 : Math.round((acknowledged * 1000) / tookMs);
}

function summary(seed: number, result: PacedSendResult, expected: ExpectedCounts): unknown {
  const { messages, duplicates, deadLetters, deadLettersByReason, messagesByConversation } = expected;
  return {
    seed,
    acknowledged: result.acknowledged,
    tookMs: Math.round(result.tookMs),
    ratePerSecond: ratePerSecond(result),
    expected: {
      messages,
      duplicates,
      deadLetters,
      conversations: messagesByConversation.size,
      deadLettersByReason: Object.fromEntries([...deadLettersByReason].sort(([a], [b]) => (a < b ? -1 : 1))),
    },
  };
}

function show(seed: number, result: PacedSendResult, expected: ExpectedCounts): void {
  const took = (result.tookMs / 1000).toFixed(1);
  print(
    `acknowledged: ${grouped(result.acknowledged)} in ${took} s, ${grouped(ratePerSecond(result))}/s (seed ${seed})`,
  );
  print('the pipeline must make of them:');
  const rows = [
    ['messages', grouped(expected.messages), `in ${grouped(expected.messagesByConversation.size)} conversations`],
    ['duplicates', grouped(expected.duplicates), 'dropped and counted'],
    ['dead letters', grouped(expected.deadLetters), [...expected.deadLettersByReason.keys()].sort().join(', ')],
  ];
  const [, ...lines] = tableLines([{ title: '' }, { title: '', align: 'right' }, { title: '' }], rows);
  for (const line of lines) print(`  ${line}`);
}
