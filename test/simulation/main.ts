/** `npm run simulate`: many seeds, their verdicts, and the figures for docs/reliability.md. */
import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { RULES } from '../../src/check/rules/catalogue.js';
import { writeBlock } from '../support/marked-block.js';
import { NOTHING_RUN, plus, sentenceOf, type Figures } from './figures.js';
import { runSeed } from './run-seed.js';

const HELP = `Usage: npm run simulate -- [options]

Runs the stages that ship over servers in memory that fail as real ones do, in virtual time, a history a seed; then
everything heals, and the checker of 'inorder check' judges what is left. Exit code 1 where a promise is broken.

  --seeds n      how many histories (default 1000)
  --from seed    the first seed (default 1); a seed alone repeats its history: --from 4711 --seeds 1
  --minutes n    end after so long with what was run (default: no limit)
  --processes n  run in so many processes at once (default 1)
  --write        write the figures into docs/reliability.md
  --json         print one JSON document
  --help         this text
`;
const TELL_MS = 2_000;
const MOST_FAILURES = 10;

const options = {
  seeds: { type: 'string', default: '1000' },
  from: { type: 'string', default: '1' },
  minutes: { type: 'string', default: '0' },
  processes: { type: 'string', default: '1' },
  write: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

interface Task {
  readonly from: number;
  readonly seeds: number;
  /** 0: no limit. */
  readonly minutes: number;
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const task: Task = {
    from: wholeNumber('--from', values.from),
    seeds: wholeNumber('--seeds', values.seeds),
    minutes: wholeNumber('--minutes', values.minutes),
  };
  const count = Math.max(1, wholeNumber('--processes', values.processes));
  const figures = count === 1 ? await simulate(task) : await simulateIn(count, task);
  process.stdout.write(values.json ? `${JSON.stringify(figures)}\n` : textOf(figures));
  if (values.write) await writeBlock('docs/reliability.md', 'simulation', markdownOf(figures, process.argv.slice(2)));
  if (figures.failures.length > 0) process.exitCode = 1;
}

async function simulate({ from, seeds, minutes }: Task): Promise<Figures> {
  const began = performance.now();
  const endsAt = minutes === 0 ? Number.POSITIVE_INFINITY : began + minutes * 60_000;
  let figures = NOTHING_RUN;
  let toldAt = began;
  while (figures.seeds < seeds && figures.failures.length < MOST_FAILURES && performance.now() < endsAt) {
    figures = plus(figures, figuresOf(await runSeed(from + figures.seeds)));
    if (performance.now() - toldAt < TELL_MS) continue;
    toldAt = performance.now();
    process.stderr.write(`${figures.seeds} of ${seeds} seeds from ${from}, ${figures.failures.length} broken\n`);
  }
  return { ...figures, seconds: (performance.now() - began) / 1000 };
}

function figuresOf({ seed, records, faults, virtualMs, judged, broken }: Awaited<ReturnType<typeof runSeed>>): Figures {
  const failures =
    broken.length === 0 ? [] : [{ seed, broken, repeat: `npm run simulate -- --from ${seed} --seeds 1` }];
  const virtualHours = virtualMs / 3_600_000;
  return { seeds: 1, stretches: [[seed, seed]], records, faults, virtualHours, seconds: 0, judged, failures };
}

async function simulateIn(count: number, { from, seeds, minutes }: Task): Promise<Figures> {
  const began = performance.now();
  const share = Math.ceil(seeds / count);
  const tasks = Array.from({ length: count }, (_, n) => ({
    ...{ from: from + n * share, minutes },
    seeds: Math.min(share, Math.max(0, seeds - n * share)),
  }));
  const parts = await Promise.all(tasks.map(simulateElsewhere));
  return { ...parts.reduce(plus, NOTHING_RUN), seconds: (performance.now() - began) / 1000 };
}

/** In a process of its own, with the progress it tells. */
async function simulateElsewhere({ from, seeds, minutes }: Task): Promise<Figures> {
  const [script = ''] = process.argv.slice(1);
  const words = [script, '--from', from, '--seeds', seeds, '--minutes', minutes, '--json'].map(String);
  const child = spawn(process.execPath, [...process.execArgv, ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
  let told = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (told += text));
  const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
  if (code !== 0 && code !== 1) throw new Error(`the seeds from ${from} ended with exit code ${String(code)}`);
  return JSON.parse(told) as Figures;
}

function wholeNumber(name: string, text: string): number {
  if (/^\d{1,10}$/.test(text)) return Number(text);
  process.stderr.write(`${name} is ${JSON.stringify(text)}; a whole number is expected\n`);
  process.exit(2);
}

function textOf(figures: Figures): string {
  const { failures } = figures;
  const lines = failures.flatMap(({ seed, broken, repeat }) => [
    `seed ${seed}:`,
    ...broken.slice(0, 5).map((text) => `  ${text}`),
    `  again: ${repeat}`,
  ]);
  for (const [what, count] of judgedOf(figures)) lines.push(`${count.padStart(12)}  ${what}`);
  lines.push(`${sentenceOf(figures)} ${failures.length === 0 ? 'Every promise held.' : `${failures.length} broken.`}`);
  return `${lines.join('\n')}\n`;
}

function markdownOf(figures: Figures, words: readonly string[]): string {
  const command = ['npm run simulate --', ...words.filter((word) => word !== '--write')].join(' ');
  return [
    `\`${command}\`: ${sentenceOf(figures)} Violations: ${figures.failures.length}.`,
    '',
    '| judged | things looked at |',
    '| --- | ---: |',
    ...judgedOf(figures).map(([what, count]) => `| ${what} | ${count} |`),
  ].join('\n');
}

/** What was looked at, in words, and how often. */
function judgedOf({ judged }: Figures): [string, string][] {
  const rules = Object.entries(RULES).map(([rule, { number, title }]) => [rule, `rule ${number}: ${title}`] as const);
  const calls = 'calls of handlers: in order, nothing skipped, committed only when done';
  return [...rules, ['handlers', calls] as const].map(([name, what]) => [
    what,
    (judged[name] ?? 0).toLocaleString('en-US'),
  ]);
}

await main();
