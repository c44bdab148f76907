/** `npm run model`: explores the commit protocol, prints what was found, and may write it into docs/reliability.md. */
import { parseArgs } from 'node:util';
import { writeBlock } from '../support/marked-block.js';
import { explore, type Exploration } from './explore.js';
import { BROKEN, brokenWorld, LONGER, SHIPPED } from './runs.js';
import { traceOf } from './trace.js';
import type { World } from './world.js';

const HELP = `Usage: npm run model -- [options]

Explores every world that the commit protocol can get into with two workers, three records and three faults, breadth
first, and then its broken variants, each of which must be found. Exit code 1 where a promise is broken, or a variant
isn't found.

  --shipped   the protocol that ships only, without its longest run
  --traces    print the shortest trace to each broken variant's violation
  --write     write the figures into docs/reliability.md
  --json      print one JSON document
  --help      this text
`;

interface Line {
  readonly name: string;
  readonly expected: 'holds' | 'broken';
  readonly seconds: number;
  readonly found: Exploration;
  readonly trace: string;
}

const options = {
  shipped: { type: 'boolean', default: false },
  traces: { type: 'boolean', default: false },
  write: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

async function main(): Promise<void> {
  const { values } = parseArgs({ options });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const runs = values.shipped ? SHIPPED : [...SHIPPED, ...LONGER];
  const lines = runs.map(({ name, start }) => run(name, start, 'holds'));
  if (!values.shipped) for (const { breakage } of BROKEN) lines.push(run(breakage, brokenWorld(breakage), 'broken'));
  const failed = lines.filter(({ expected, found }) => (expected === 'holds') !== (found.violation === null));
  if (values.json) process.stdout.write(`${JSON.stringify(lines)}\n`);
  else process.stdout.write(tableOf(lines));
  for (const line of values.traces ? lines : failed) {
    if (line.found.violation !== null) process.stdout.write(`\n${line.name}\n${line.trace}\n`);
  }
  if (values.write) await writeBlock('docs/reliability.md', 'model', markdownOf(lines));
  if (failed.length > 0) process.exitCode = 1;
}

function run(name: string, start: World, expected: Line['expected']): Line {
  const began = performance.now();
  let toldAt = began;
  const found = explore(start, (states, depth) => {
    if (performance.now() - toldAt < 2_000) return;
    toldAt = performance.now();
    process.stderr.write(`${name}: depth ${depth}, ${states} states so far\n`);
  });
  return { name, expected, seconds: (performance.now() - began) / 1000, found, trace: traceOf(start, found) };
}

function rowsOf(lines: readonly Line[]): string[][] {
  return lines.map(({ name, found, seconds }) => [
    name,
    String(found.states),
    String(found.edges),
    String(found.depth),
    seconds.toFixed(1),
    found.violation?.broken ?? 'every promise holds',
  ]);
}

const HEAD = ['explored', 'states', 'moves', 'depth', 'seconds', 'found'];

function tableOf(lines: readonly Line[]): string {
  const rows = [HEAD, ...rowsOf(lines)];
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const text = (row: readonly string[]): string =>
    row.map((cell, i) => (i > 0 && i < 5 ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0))).join('  ');
  return `${rows.map((row) => text(row).trimEnd()).join('\n')}\n`;
}

function markdownOf(lines: readonly Line[]): string {
  const rows = rowsOf(lines).map((row) => `| ${row.join(' | ')} |`);
  return [
    '| explored | states | moves | depth | seconds | found |',
    '| --- | ---: | ---: | ---: | ---: | --- |',
    ...rows,
  ].join('\n');
}

await main();
