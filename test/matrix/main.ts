/**
 * `npm run faults`: breaks a real pipeline on real servers for some minutes, heals it, drains it and judges it. Exit
 * code 0: no violation; 1: violations, or it broke off; 2: a mistake in the arguments; 130: Ctrl-C, all cleaned up.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../../src/clock/clock.js';
import { messageOf } from '../../src/errors.js';
import { writeBlock } from '../support/marked-block.js';
import { until } from '../support/until.js';
import { PERFORM_LAST_ACT } from './last-acts.js';
import { performFault } from './perform.js';
import { asBlock, asHtml, asText, verdictLines, type Report } from './report.js';
import { chosen, FAULT_KINDS, LAST_ACTS, planFaults, type FaultKind, type LastAct } from './schedule.js';
import { Stand } from './stand.js';
import { drainAndJudge } from './verdict.js';

const CALM_AT_END_MS = 5_000;
/** So many deliveries show that everything works before anything is broken. */
const FLOWING = 500;
const LOAD_SHARES = { bad: '1%', duplicates: '5%', reorder: '20%' };
/** Gets the figures, between its marks: `faults`, or `faults-failpoint` for a run of `--only failpoint`. */
const PAGE = 'docs/reliability.md';

const HELP = `npm run faults -- [options]

Three brokers (RF 3, min.insync 2) and PostgreSQL, the pipeline's stages as processes, a load with resends and broken records;
a fault about every ten seconds, then all is healed, drained and judged. Leaves no process, port or file behind.

  --minutes <n>   under faults (5); fractions may be
  --seed <n>      the same faults at the same times (1)
  --only <names>  kinds or groups of kinds, separated by commas:
${Object.entries({ ...FAULT_KINDS, ...LAST_ACTS })
  .map(([kind, about]) => `                    ${kind.padEnd(18)}${about}`)
  .join('\n')}
  --rate <n>      records a second (600)
  --out <folder>  where timeline.txt and timeline.html go (.inorder/faults)
  --page          writes the figures into ${PAGE}, between its marks
  --plan          prints what would be done, and does nothing

Examples:
  npm run faults -- --minutes 5 --seed 1
  npm run faults -- --minutes 2 --only kill,stop
  npm run faults -- --minutes 60 --seed 7 --page
`;

interface Options {
  readonly minutes: number;
  readonly seed: number;
  readonly ratePerSecond: number;
  readonly kinds: readonly FaultKind[];
  readonly lastActs: readonly LastAct[];
  readonly out: string;
  readonly page: boolean;
  readonly plan: boolean;
  /** Of the page. */
  readonly block: string;
  readonly command: string;
}

const options = readOptions(process.argv.slice(2));
if (options !== null) process.exitCode = await main(options);

async function main(given: Options): Promise<number> {
  const faults = planFaults(given);
  if (given.plan) {
    for (const { atMs, kind, target, failpoints } of faults) {
      const points = failpoints === null ? '' : `  ${failpoints.map((armed) => armed.points).join(' | ')}`;
      print(
        `${(atMs / 1000).toFixed(1).padStart(7)} s  ${kind.padEnd(17)} ${failpoints === null ? target : ''}${points}`,
      );
    }
    return 0;
  }
  const abort = new AbortController();
  const interrupt = (): void => {
    say('stopping: everything is cleaned up');
    abort.abort(new Error('interrupted'));
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  const stand = new Stand({
    ...given,
    smallDisks: given.kinds.some((kind) => kind.startsWith('disk-')),
    say,
    signal: abort.signal,
  });
  try {
    await stand.open();
    return await run(stand, given, faults, abort.signal);
  } catch (error) {
    if (abort.signal.aborted) return 130;
    say(`broke off: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    return 1;
  } finally {
    await stand.close();
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}

async function run(
  stand: Stand,
  given: Options,
  faults: ReturnType<typeof planFaults>,
  signal: AbortSignal,
): Promise<number> {
  stand.load('the load', { count: null, ratePerSecond: given.ratePerSecond, shares: LOAD_SHARES });
  const { timeline } = stand;
  await until('the first deliveries', () => signal.aborted || stand.watch.count >= FLOWING, 120_000);
  timeline.begin();
  let rolling: Promise<void> = Promise.resolve();
  let lateMs = 0; // faults that took long put the others off, and none is left out but those beyond the end
  for (const fault of faults) {
    const waitMs = fault.atMs + lateMs - timeline.nowMs;
    if (waitMs > 0) await systemClock.sleep(waitMs, signal);
    else lateMs -= waitMs;
    if (timeline.nowMs > given.minutes * 60_000) break;
    // A rolling restart takes a minute; other faults go on meanwhile, but no second broker is touched.
    if (/^(broker|disk-broker|network-silence)/.test(fault.kind)) await rolling;
    const performed = performFault(stand, fault, signal);
    if (fault.kind === 'broker-roll') rolling = performed;
    else await performed;
    signal.throwIfAborted();
  }
  await rolling;
  await systemClock.sleep(Math.max(CALM_AT_END_MS, given.minutes * 60_000 - timeline.nowMs), signal);
  signal.throwIfAborted();
  timeline.note('all is healed');
  const verdict = await drainAndJudge(stand);
  const samples = stand.watch.samples();
  const findings = [...verdict.findings];
  for (const act of given.lastActs) {
    signal.throwIfAborted();
    const brokeOff = (error: unknown): string => `${act} broke off: ${messageOf(error)}`;
    const finding = await PERFORM_LAST_ACT[act](stand).catch(brokeOff);
    if (finding !== null) findings.push(finding);
  }
  const report: Report = {
    command: given.command,
    date: new Date().toISOString().slice(0, 10),
    minutes: given.minutes,
    load: `${given.ratePerSecond} records a second; ${Object.entries(LOAD_SHARES)
      .map(([name, share]) => `${name} ${share}`)
      .join(', ')}`,
    entries: timeline.entries,
    faultCounts: timeline.faultCounts(),
    hits: stand.hits,
    samples,
    verdict: { ...verdict, answer: findings.length === 0 ? 'pass' : 'fail', findings },
  };
  await writeReport(report, given);
  return report.verdict.answer === 'pass' ? 0 : 1;
}

async function writeReport(report: Report, { out, page, block }: Options): Promise<void> {
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, 'timeline.txt'), asText(report));
  writeFileSync(join(out, 'timeline.html'), asHtml(report));
  for (const line of verdictLines(report)) say(line);
  say(`timeline: ${join(out, 'timeline.txt')} and timeline.html`);
  if (!page) return;
  await writeBlock(PAGE, block, asBlock(report));
  say(`figures: ${PAGE}`);
}

/** Null where they only asked for help, or made a mistake: then it was said, and the exit code is set. */
function readOptions(args: string[]): Options | null {
  try {
    const { values } = parseArgs({
      args,
      options: {
        minutes: { type: 'string', default: '5' },
        seed: { type: 'string', default: '1' },
        only: { type: 'string', default: '' },
        rate: { type: 'string', default: '600' },
        out: { type: 'string', default: '.inorder/faults' },
        page: { type: 'boolean', default: false },
        plan: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) {
      print(HELP);
      return null;
    }
    const kinds = chosen(values.only);
    if ('unknown' in kinds) throw new Error(`--only names ${JSON.stringify(kinds.unknown)}; --help lists the kinds`);
    return {
      minutes: numberFrom('--minutes', values.minutes, 0.1, 1_440),
      seed: numberFrom('--seed', values.seed, 0, 1_000_000),
      ratePerSecond: numberFrom('--rate', values.rate, 1, 20_000),
      kinds: kinds.kinds,
      lastActs: kinds.lastActs,
      out: resolve(values.out),
      page: values.page,
      plan: values.plan,
      block: values.only === '' ? 'faults' : `faults-${values.only}`,
      command: `npm run faults -- --minutes ${values.minutes} --seed ${values.seed}${values.only && ` --only ${values.only}`}`,
    };
  } catch (error) {
    process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
    return null;
  }
}

function numberFrom(name: string, text: string, from: number, to: number): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= from && value <= to) return value;
  throw new Error(`${name} is ${JSON.stringify(text)}; it may be a number from ${from} to ${to}`);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
