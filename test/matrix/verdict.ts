/** Drains the healed system, and has it judged by `inorder check`, with what producers were told and what a stranger saw. */
import type { RuleOutcome, Verdict as CheckedVerdict } from '../../src/check/verdict.js';
import { countRows } from '../support/compare.js';
import { InorderProcess } from '../support/stage-process.js';
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
  /** What the checker looked at, by rule. */
  readonly rules: readonly Pick<RuleOutcome, 'number' | 'title' | 'answer' | 'judged'>[];
}

const DRAIN_LIMIT_MS = 240_000;
const QUIET_MS = 3_000;
const CHECK_LIMIT_MS = 1_800_000;
const MOST_SHOWN = 5;
/** The verdict with all its evidence. */
const MOST_OUTPUT = 2_000_000;

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
  timeline.note('judging by inorder check');
  const { outcomes, counts } = await check(stand);
  findings.push(...outcomes.flatMap(findingsOf));
  if (counts.delivered !== expected.messages) {
    findings.push(`${counts.delivered} delivered, ${expected.messages} messages acknowledged`);
  }
  // A record that its producer wrote twice, because no answer came, is a dead letter twice.
  if (counts.deadLetters < expected.deadLetters) {
    findings.push(`${counts.deadLetters} dead letters, ${expected.deadLetters} broken records acknowledged`);
  }
  findings.push(...stand.findings, ...stand.halted.map((line) => `halted: ${line.slice(0, 300)}`), ...handled.findings);
  return {
    answer: findings.length === 0 ? 'pass' : 'fail',
    findings,
    acknowledged: expected.acknowledged,
    delivered: counts.delivered,
    deadLetters: counts.deadLetters,
    duplicates: counts.duplicates,
    handled: handled.count,
    drainSeconds,
    rules: outcomes,
  };
}

/** @throws what the checker said, where it gave no verdict. */
async function check(stand: Stand): Promise<CheckedVerdict> {
  await stand.watch.written();
  const beside = ['--acknowledged', stand.acknowledgedPath, '--readers', stand.watch.path];
  const args = ['check', '--json', '--drained', '--require', 'all', ...beside];
  const process = new InorderProcess(args, stand.directEnv, { keep: MOST_OUTPUT });
  const limit = setTimeout(() => process.signal('SIGKILL'), CHECK_LIMIT_MS);
  const { code, signal } = await process.exit;
  clearTimeout(limit);
  try {
    return JSON.parse(process.stdout) as CheckedVerdict;
  } catch {
    throw new Error(`inorder check gave no verdict (${signal ?? `code ${code}`}): ${process.stderr.slice(-500)}`);
  }
}

/** What is read of an outcome; exhibits are printed as they are. */
type Outcome = Pick<RuleOutcome, 'number' | 'title' | 'answer' | 'reasons' | 'findingCount'> & {
  readonly findings: readonly { readonly sentence: string; readonly exhibits: readonly unknown[] }[];
};

/** Whatever is not a pass, an unknown too: everything was drained, and all evidence is there. */
export function findingsOf({ number, title, answer, reasons, findings, findingCount }: Outcome): string[] {
  if (answer === 'pass') return [];
  const shown = findings.slice(0, MOST_SHOWN);
  return [
    `rule ${number}, ${title}: ${answer}${findingCount === 0 ? '' : `, ${findingCount} violations`}`,
    ...reasons,
    ...shown.map(({ sentence, exhibits }) => `${sentence} ${JSON.stringify(exhibits)}`),
  ];
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
