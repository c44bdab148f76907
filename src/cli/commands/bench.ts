import type { Command } from 'commander';
import { fileURLToPath } from 'node:url';
import { arch, availableParallelism, cpus, platform } from 'node:os';
import type { BenchReport, ProcessUse } from '../../bench/bench.js';
import { runBench } from '../../bench/bench.js';
import type { Percentiles } from '../../bench/percentiles.js';
import { configFor } from '../../config/settings.js';
import { readStack } from '../../config/stack-file.js';
import { findServers } from '../addresses.js';
import { openContext } from '../context.js';
import { numberOption } from '../options.js';
import { note, print, printJson } from '../output.js';
import { grouped, Progress } from '../progress.js';
import { exitCodeOf, watchStopSignals } from '../signals.js';
import { tableLines } from '../table.js';

const HELP = `
Measures a running stack (\`inorder servers\` in another terminal is best: no other stage competes) in topics and a schema
of its own, which it removes. Every rate stands beside the ceilings of the same run, because machines differ and are noisy.

Examples:
  $ inorder bench
  $ inorder bench --messages 1000000 --logic 2 --json`;

interface BenchFlags {
  readonly messages: number;
  readonly conversations: number;
  readonly logic: number;
  readonly seconds: number;
  readonly seed: number;
  readonly json?: boolean;
}

export function addBench(program: Command): void {
  program
    .command('bench')
    .description('measure this machine: drain, latency, CPU, beside the ceilings of the same run')
    .addOption(numberOption('--messages <count>', 'the backlog to drain', 1_000, 100_000_000, 300_000))
    .addOption(numberOption('--conversations <count>', 'they belong to', 1, 10_000_000, 1_000))
    .addOption(numberOption('--logic <workers>', 'logic processes', 1, 64, 1))
    .addOption(numberOption('--seconds <seconds>', 'of each latency measurement', 2, 3_600, 15))
    .addOption(numberOption('--seed <number>', 'of the messages', 0, 0xffff_ffff, 1))
    .option('--json', 'the report as JSON')
    .addHelpText('after', HELP)
    .action(bench);
}

async function bench(flags: BenchFlags): Promise<void> {
  const { settings, log } = openContext('client');
  const config = configFor(settings, findServers(settings), 'bench');
  const stack = readStack(settings.dataDir);
  const { inorder: _owner, ...serverPids } = stack.kind === 'running' ? stack.stack.pids : {};
  const stop = watchStopSignals({ onForce: () => process.exit(130) });
  const progress = new Progress({ quietMs: 0 });
  try {
    const report = await runBench({
      config,
      serverPids,
      mainPath: fileURLToPath(new URL('../main.js', import.meta.url)),
      messages: flags.messages,
      conversations: flags.conversations,
      logicWorkers: flags.logic,
      latencySeconds: flags.seconds,
      seed: flags.seed,
      log,
      onProgress: (what) => progress.update(() => what),
      stop: stop.signal,
    });
    progress.end();
    if (flags.json === true) printJson(report);
    else show(report);
    const { delivered, expected, outOfOrder } = report.exact;
    if (delivered !== expected || outOfOrder > 0) {
      note('error: the measured run was not exact; the figures say nothing');
      process.exitCode = 1;
    }
  } catch (error) {
    if (stop.cause === null) throw error;
    progress.end();
    note('stopped: nothing was measured to the end');
    process.exitCode = exitCodeOf(stop.cause);
  } finally {
    progress.end();
    stop.release();
  }
}

const right = 'right' as const;

function show(report: BenchReport): void {
  const { ceilings, drain, exact } = report;
  const [cpu] = cpus();
  print(
    `machine: ${availableParallelism()} × ${cpu?.model ?? 'unknown'}, ${platform()} ${arch()}, node ${process.version}`,
  );
  print(`${grouped(report.messages)} messages, ${grouped(report.conversations)} conversations, seed ${report.seed}\n`);
  const rates: [string, number, string][] = [
    ['kafkajs alone produces', ceilings.kafkajsProduce, ''],
    ['our producer produces', ceilings.ownProducer, ratio(ceilings.ownProducer / ceilings.kafkajsProduce)],
    ['PostgreSQL alone inserts', ceilings.postgresInsert, ratio(ceilings.postgresInsert / ceilings.kafkajsProduce)],
    ['drain through all stages', drain.ratePerSecond, ratio(drain.ofKafkajs)],
  ];
  table(
    ['throughput', 'messages/s', 'of kafkajs'],
    rates.map(([name, rate, share]) => [name, grouped(rate), share]),
  );
  table(
    ['latency, append to handler', 'messages/s', 'p50 ms', 'p99 ms', 'p99.9 ms', 'max ms'],
    report.latency.map(({ name, ratePerSecond, latencyMs }) => [name, grouped(ratePerSecond), ...figures(latencyMs)]),
  );
  table(['process, during the drain', 'CPU s per million', 'memory MiB'], report.processes.map(use));
  print(`exact: ${grouped(exact.delivered)} of ${grouped(exact.expected)} delivered, ${exact.outOfOrder} out of order`);
}

function table(titles: readonly string[], rows: readonly (readonly string[])[]): void {
  const columns = titles.map((title, index) => (index === 0 ? { title } : { title, align: right }));
  print(`${tableLines(columns, rows).join('\n')}\n`);
}

function ratio(value: number): string {
  return value.toFixed(2);
}

function figures(latency: Percentiles | null): string[] {
  if (latency === null) return ['-', '-', '-', '-'];
  return [latency.p50, latency.p99, latency.p999, latency.max].map((ms) => String(Math.round(ms)));
}

function use({ name, cpuPerMillion, residentMiB }: ProcessUse): string[] {
  const shown = (value: number | null): string => (value === null ? 'unknown' : value.toFixed(1));
  return [name, shown(cpuPerMillion), residentMiB === null ? 'unknown' : grouped(residentMiB)];
}
