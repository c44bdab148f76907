/** Drains the healed system and judges it, by readers that are not the pipeline's own. */
import { compareTopicAndTable, countRows } from '../support/compare.js';
import { readWithForeignClient, type ForeignRecord } from '../support/foreign-reader.js';
import { until } from '../support/until.js';
import type { Stand } from './stand.js';

export interface Verdict {
  readonly answer: 'pass' | 'fail';
  readonly findings: readonly string[];
  readonly acknowledged: number;
  readonly delivered: number;
  readonly deadLetters: number;
  readonly duplicates: number;
  readonly handled: number;
  readonly drainSeconds: number;
}

const DRAIN_LIMIT_MS = 240_000;
/** A broken record that was written twice by its producer is a dead letter twice; each has a place of its own. */
const QUIET_MS = 3_000;
const MOST_SHOWN = 5;

export async function drainAndJudge(stand: Stand): Promise<Verdict> {
  const { databaseUrl, timeline, watch, handled } = stand;
  const findings: string[] = [];
  const expected = await stand.endLoads();
  timeline.note(`the load has ended, ${expected.acknowledged} acknowledged; draining`);
  const beganMs = performance.now();
  const rows = (): Promise<number> => countRows(databaseUrl, 'SELECT count(*) FROM message').catch(() => -1);
  const isDrained = async (): Promise<boolean> =>
    watch.count >= expected.messages && handled.count >= expected.messages && (await rows()) >= expected.messages;
  await until('everything delivered', isDrained, DRAIN_LIMIT_MS).catch(async () => {
    findings.push(
      `not drained after ${DRAIN_LIMIT_MS / 1000} s: ${await rows()} rows, ${watch.count} delivered, ` +
        `${handled.count} handled of ${expected.messages} messages`,
    );
  });
  const drainSeconds = (performance.now() - beganMs) / 1000;
  await quiet(watch);
  const delivered = await readWithForeignClient(stand.cluster.direct.split(','), 'im.delivery');
  const dead = await readWithForeignClient(stand.cluster.direct.split(','), 'im.dlq');
  findings.push(...repeated(delivered), ...(await compareTopicAndTable(delivered, databaseUrl)));
  if (delivered.length !== expected.messages) {
    findings.push(`${delivered.length} delivered, ${expected.messages} messages acknowledged`);
  }
  if (dead.length < expected.deadLetters) {
    findings.push(`${dead.length} dead letters, ${expected.deadLetters} broken records acknowledged`);
  }
  findings.push(...stand.findings, ...stand.halted.map((line) => `halted: ${line.slice(0, 300)}`), ...handled.findings);
  return {
    answer: findings.length === 0 ? 'pass' : 'fail',
    findings,
    acknowledged: expected.acknowledged,
    delivered: delivered.length,
    deadLetters: dead.length,
    duplicates: expected.duplicates,
    handled: handled.count,
    drainSeconds,
  };
}

/** Whatever a committed reader sees twice; the place of both tells in which transactions they came. */
export function repeated(records: readonly ForeignRecord[]): string[] {
  const first = new Map<string, string>();
  const again: string[] = [];
  for (const { partition, offset, value } of records) {
    const [, msgId = ''] = /"msgId":"(\d+)"/.exec(value) ?? [];
    const before = first.get(msgId);
    if (before === undefined) first.set(msgId, `${partition}:${offset}`);
    else again.push(`msgId ${msgId} is delivered at ${before} and again at ${partition}:${offset}`);
  }
  const shown = again.filter((_, index) => index < MOST_SHOWN || index === again.length - 1);
  return again.length === 0 ? [] : [`${again.length} records are delivered again`, ...shown];
}

/** Until nothing more arrives: what came once too often comes last. */
async function quiet(watch: Stand['watch']): Promise<void> {
  let seen = -1;
  let sinceMs = performance.now();
  await until(
    'nothing more',
    () => {
      if (watch.count !== seen) sinceMs = performance.now();
      seen = watch.count;
      return performance.now() - sinceMs >= QUIET_MS;
    },
    60_000,
  );
}
