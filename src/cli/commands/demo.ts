import type { Command } from 'commander';
import { fileURLToPath } from 'node:url';
import { configFor } from '../../config/settings.js';
import { readStack } from '../../config/stack-file.js';
import { Demo } from '../../demo/demo.js';
import type { DemoReport } from '../../demo/report.js';
import { openContext, type CommandContext } from '../context.js';
import { demoJson, demoLines } from '../demo-picture.js';
import { startLocalServers, type LocalServers } from '../local-servers.js';
import { numberOption } from '../options.js';
import { note, print, printJson } from '../output.js';
import { withResources, type Resources } from '../resources.js';
import { exitCodeOf, watchStopSignals } from '../signals.js';
import { step } from '../steps.js';

const HELP = `
People with wrong clocks talk over a network that delays, shuffles and doubles, through two servers; a logic worker is
killed (kill -9) and a sender loses its sequence file on the way. Shown side by side: what sorting by arrival time makes
of it, and what Inorder does. All of it is real: Kafka, PostgreSQL, stage processes, the kill.

Runs on KAFKA_BROKERS and DATABASE_URL, else on the running stack, else on servers that it starts and stops itself; in
topics and a schema of its own, which it removes. Exit code 0: nothing was inverted, lost or doubled.

Examples:
  $ inorder demo                 under a minute
  $ inorder demo --seed 7        other delays; the same ones each time
  $ inorder demo --json          the figures and the picture, for scripts`;

interface DemoFlags {
  readonly seed: number;
  readonly chats: number;
  readonly json?: boolean;
}

export function addDemo(program: Command): void {
  program
    .command('demo')
    .description('see the problem and the answer: disorder on the left, order on the right')
    .addOption(numberOption('--seed <number>', 'of what the network does', 0, 0xffff_ffff, 1))
    .addOption(numberOption('--chats <count>', 'conversations at the same time; one is shown', 1, 100, 12))
    .option('--json', 'the report as one JSON object')
    .addHelpText('after', HELP)
    .action(demo);
}

async function demo(flags: DemoFlags): Promise<void> {
  const context = openContext('client');
  const stop = watchStopSignals({ onForce: () => process.exit(130) });
  const begunMs = performance.now();
  try {
    const report = await withResources(context.log, (resources) => run(context, flags, resources, stop.signal));
    const tookMs = Math.round(performance.now() - begunMs);
    if (flags.json === true) printJson(demoJson(report, tookMs));
    else for (const line of demoLines(report, { tookMs, color: wantsColor(context) })) print(line);
    if (!report.passed) process.exitCode = 1;
  } catch (error) {
    if (stop.cause === null) throw error;
    note('stopped');
    process.exitCode = exitCodeOf(stop.cause);
  } finally {
    stop.release();
  }
}

function wantsColor({ settings }: CommandContext): boolean {
  return settings.color && process.stdout.isTTY;
}

async function run(
  context: CommandContext,
  { seed, chats }: DemoFlags,
  resources: Resources,
  stop: AbortSignal,
): Promise<DemoReport> {
  const { settings, log } = context;
  const servers = await serversFor(context, resources, stop);
  stop.throwIfAborted();
  const config = configFor(settings, servers, 'demo');
  const mainPath = fileURLToPath(new URL('../main.js', import.meta.url));
  const opened = await step(
    'topics and tables of its own',
    () => Demo.open({ config, mainPath, seed, chats, log, stop }),
    () => '',
  );
  resources.opened('demo', () =>
    step(
      'removed what it made',
      () => opened.close(),
      () => '',
    ),
  );
  stop.throwIfAborted();
  await step(
    'stages',
    () => opened.startStages(),
    (pids) => `2 × ingest, 2 × logic (processes ${pids.join(' and ')})`,
  );
  return step(
    'talk',
    (say) => opened.run(say),
    ({ messages }) => `${messages} messages in ${chats} conversations`,
  );
}

/** Those that are named, else those of the running stack; what is still missing is started for the demo. */
function serversFor(context: CommandContext, resources: Resources, stop: AbortSignal): Promise<LocalServers> {
  const { brokers, databaseUrl, dataDir } = context.settings;
  const found = readStack(dataDir);
  const stack = found.kind === 'running' ? found.stack : null;
  const given = {
    brokers: brokers ?? stack?.brokers ?? null,
    databaseUrl: databaseUrl ?? stack?.databaseUrl ?? null,
  };
  return startLocalServers(context, given, resources, stop);
}
