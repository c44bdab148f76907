/** `npm run simulate`: many seeds, their verdicts, and the figures for docs/reliability.md. */
import { parseArgs } from 'node:util';
import { writeBlock } from '../support/marked-block.js';
import { runSeed } from './run-seed.js';

const HELP = `Usage: npm run simulate -- [--seeds n] [--from seed] [--write] [--json]

Runs the stages that ship over servers in memory that fail as real ones do, in virtual time, a history a seed; then
everything heals, and every promise is judged. Exit code 1 where one is broken.

  --seeds n    how many histories (default 1000)
  --from seed  the first seed (default 1); a seed alone repeats its history: --from 4711 --seeds 1
  --write      write the figures into docs/reliability.md
  --json       print one JSON document
`;
const TELL_MS = 2_000;
const MOST_FAILURES = 10;

const options = {
  seeds: { type: 'string', default: '1000' },
  from: { type: 'string', default: '1' },
  write: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

interface Figures {
  readonly from: number;
  readonly seeds: number;
  readonly records: number;
  readonly faults: number;
  readonly virtualHours: number;
  readonly seconds: number;
  readonly seedsPerMinute: number;
  readonly failures: { readonly seed: number; readonly broken: readonly string[]; readonly repeat: string }[];
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const figures = await simulate(wholeNumber('--from', values.from), wholeNumber('--seeds', values.seeds));
  process.stdout.write(values.json ? `${JSON.stringify(figures)}\n` : textOf(figures));
  if (values.write) await writeBlock('docs/reliability.md', 'simulation', markdownOf(figures));
  if (figures.failures.length > 0) process.exitCode = 1;
}

async function simulate(from: number, seeds: number): Promise<Figures> {
  const began = performance.now();
  const sums = { records: 0, faults: 0, virtualMs: 0 };
  const failures: Figures['failures'] = [];
  let toldAt = began;
  let done = 0;
  for (; done < seeds && failures.length < MOST_FAILURES; done++) {
    const { broken, ...result } = await runSeed(from + done);
    sums.records += result.records;
    sums.faults += result.faults;
    sums.virtualMs += result.virtualMs;
    if (broken.length > 0) {
      failures.push({ seed: result.seed, broken, repeat: `npm run simulate -- --from ${result.seed} --seeds 1` });
    }
    if (performance.now() - toldAt < TELL_MS) continue;
    toldAt = performance.now();
    process.stderr.write(`${done + 1} of ${seeds} seeds, ${failures.length} broken\n`);
  }
  const seconds = (performance.now() - began) / 1000;
  const { records, faults, virtualMs } = sums;
  const rate = Math.round((done * 60) / seconds);
  const virtualHours = virtualMs / 3_600_000;
  return { from, seeds: done, records, faults, virtualHours, seconds, seedsPerMinute: rate, failures };
}

function wholeNumber(name: string, text: string): number {
  if (/^\d{1,10}$/.test(text)) return Number(text);
  process.stderr.write(`${name} is ${JSON.stringify(text)}; a whole number is expected\n`);
  process.exit(2);
}

function textOf({ failures, ...figures }: Figures): string {
  const lines = failures.flatMap(({ seed, broken, repeat }) => [
    `seed ${seed}:`,
    ...broken.slice(0, 5).map((text) => `  ${text}`),
    `  again: ${repeat}`,
  ]);
  lines.push(`${sentenceOf(figures)} ${failures.length === 0 ? 'Every promise held.' : `${failures.length} broken.`}`);
  return `${lines.join('\n')}\n`;
}

function sentenceOf({
  seeds,
  from,
  records,
  faults,
  virtualHours,
  seconds,
  seedsPerMinute,
}: Omit<Figures, 'failures'>) {
  return (
    `${seeds} seeds from ${from}: ${records} records, ${faults} faults, ${virtualHours.toFixed(1)} simulated hours ` +
    `in ${seconds.toFixed(0)} s, ${seedsPerMinute} seeds a minute.`
  );
}

function markdownOf({ failures, ...figures }: Figures): string {
  return `\`npm run simulate -- --from ${figures.from} --seeds ${figures.seeds}\`: ${sentenceOf(figures)} Violations: ${failures.length}.`;
}

await main();
