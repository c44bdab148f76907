import { Argument, Option, type Command } from 'commander';
import { systemClock } from '../../clock/clock.js';
import { configFor, type Config } from '../../config/settings.js';
import { InorderError, type ErrorCode } from '../../errors.js';
import { STAGE_NAMES, type Pipeline, type StageName } from '../../pipeline.js';
import { findServers } from '../addresses.js';
import type { Log } from '../../observe/log.js';
import { openContext, type CommandContext } from '../context.js';
import { wholeNumber } from '../options.js';
import type { Resources } from '../resources.js';
import { serve, type Service } from '../serve.js';
import { StageProcess } from '../stage-process.js';

const HELP = `
Examples:
  $ inorder run logic                      one worker; start more for more throughput, they share the lanes
  $ inorder run ingest logic delivery      all stages in one process
  $ KAFKA_BROKERS=k1:9092,k2:9092 DATABASE_URL=postgres://… inorder run ingest

Needs topics and tables (inorder topics, inorder migrate) and waits for them for a while. SIGTERM and Ctrl-C finish
what was begun, hand the lanes over and exit 0. The delivery stage is a sample consumer that prints what it reads.`;

const DEFAULT_WAIT_SECONDS = 30;
const RETRY_MS = 1_000;
/** What another process may still be about to put right. */
const WAITED_FOR: ReadonlySet<ErrorCode> = new Set([
  'kafka_unavailable',
  'postgres_unavailable',
  'topic_mismatch',
  'migration_mismatch',
]);

interface RunOptions {
  readonly wait: number;
  readonly pretty?: boolean;
}

export function addRun(program: Command): void {
  program
    .command('run')
    .description('run some of the stages in this process')
    .addArgument(new Argument('<stage...>', 'which').choices([...STAGE_NAMES]))
    .addOption(
      new Option('--wait <seconds>', 'for Kafka, PostgreSQL, topics and tables')
        .argParser(wholeNumber(0, 3_600))
        .default(DEFAULT_WAIT_SECONDS),
    )
    .option('--pretty', 'readable log lines (the default on a terminal)')
    .option('--no-pretty', 'JSON log lines')
    .addHelpText('after', HELP)
    .action(async (names: StageName[], options: RunOptions) => {
      const stages = STAGE_NAMES.filter((name) => names.includes(name));
      const context = openContext('service', { pretty: options.pretty });
      const { settings, log } = context;
      const config = configFor(settings, findServers(settings), stages.join('-'));
      await serve({
        log,
        shutdownTimeoutMs: settings.shutdownTimeoutMs,
        start: (resources, stop) => start(context, { config, stages, waitMs: options.wait * 1_000 }, resources, stop),
      });
    });
}

async function start(
  { settings, log }: CommandContext,
  { config, stages, waitMs }: { config: Config; stages: readonly StageName[]; waitMs: number },
  resources: Resources,
  stop: AbortSignal,
): Promise<Service> {
  const stageProcess = await StageProcess.open(settings, log, resources);
  const pipeline = await patiently({ log, waitMs }, stop, () => stageProcess.start(config, stages, resources));
  void stageProcess
    .untilReady(pipeline, stop, () => undefined)
    .then(() => {
      if (!stop.aborted && pipeline.health().ready) log.info('ready', { stages, httpUrl: stageProcess.http.url });
    });
  return pipeline;
}

/** Tries again while what is missing may still appear: several parts of a system start at once. */
async function patiently(
  { log, waitMs }: { log: Log; waitMs: number },
  stop: AbortSignal,
  work: () => Promise<Pipeline>,
): Promise<Pipeline> {
  const deadlineMs = systemClock.monotonicMs() + waitMs;
  let said = '';
  while (true) {
    try {
      return await work();
    } catch (error) {
      const mayPass = error instanceof InorderError && WAITED_FOR.has(error.code);
      if (!mayPass || stop.aborted || systemClock.monotonicMs() >= deadlineMs) throw error;
      if (error.message !== said) log.warn('waiting', { cause: error });
      said = error.message;
      await systemClock.sleep(RETRY_MS, stop);
    }
  }
}
