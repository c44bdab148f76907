import type { Command } from 'commander';
import { configFor } from '../../config/settings.js';
import { KafkaAdmin } from '../../kafka/admin.js';
import { openKafka } from '../../kafka/connection.js';
import { STAGE_NAMES } from '../../pipeline.js';
import { openDatabase } from '../../postgres/database.js';
import { migrate } from '../../postgres/migrate.js';
import { bannerLines } from '../banner.js';
import { openContext, type CommandContext } from '../context.js';
import { ensureTopics } from '../ensure-topics.js';
import { announceStack, refuseSecondStack, startLocalServers, type LocalServers } from '../local-servers.js';
import { print, printJson } from '../output.js';
import { withResources, type Resources } from '../resources.js';
import { serve, type Service } from '../serve.js';
import { StageProcess } from '../stage-process.js';
import { step } from '../steps.js';

const HELP = `
Examples:
  $ inorder start                                   everything, with embedded servers
  $ KAFKA_BROKERS=k:9092 inorder start              with that Kafka and an embedded PostgreSQL
  $ inorder start --json > ready.json               for scripts: one JSON object, when ready

Creates topics, brings the tables to this version, runs all stages, and says when it is ready. The embedded servers'
data is in INORDER_DATA_DIR and survives a restart. Ctrl-C drains and stops.`;

interface StartOptions {
  readonly json?: boolean;
  readonly pretty?: boolean;
}

export function addStart(program: Command): void {
  program
    .command('start')
    .description('run everything: servers (unless given), topics, tables, all stages')
    .option('--json', 'when ready, addresses and pids as one JSON object instead of a welcome')
    .option('--pretty', 'readable log lines (the default on a terminal)')
    .option('--no-pretty', 'JSON log lines')
    .addHelpText('after', HELP)
    .action(async (options: StartOptions) => {
      const context = openContext('service', { pretty: options.pretty });
      refuseSecondStack(context.settings);
      await serve({
        log: context.log,
        shutdownTimeoutMs: context.settings.shutdownTimeoutMs,
        start: (resources, stop) => start(context, options, resources, stop),
      });
    });
}

async function start(
  context: CommandContext,
  options: StartOptions,
  resources: Resources,
  stop: AbortSignal,
): Promise<Service> {
  const { settings, log } = context;
  const stageProcess = await StageProcess.open(settings, log, resources);
  const servers = await startLocalServers(context, settings, resources, stop);
  stop.throwIfAborted();
  await prepare(context, servers, stop);
  const config = configFor(settings, servers, 'start');
  const pipeline = await step(
    'stages',
    async (say) => {
      const output = options.json === true ? process.stderr : process.stdout;
      const started = await stageProcess.start(config, STAGE_NAMES, resources, output);
      await stageProcess.untilReady(started, stop, say);
      return started;
    },
    () => STAGE_NAMES.join(', '),
  );
  stop.throwIfAborted();
  const { url } = stageProcess.http;
  announceStack(settings, servers, url, resources);
  const { brokers, databaseUrl } = servers;
  if (options.json === true)
    printJson({ brokers, databaseUrl, httpUrl: url, pids: { inorder: process.pid, ...servers.pids() } });
  else for (const line of bannerLines(settings, servers, url)) print(line);
  log.info('ready', { httpUrl: url, brokers });
  return { failed: Promise.race([pipeline.failed, servers.failed]) };
}

/** Topics and tables; both are left alone where they are right. */
async function prepare({ settings, log }: CommandContext, servers: LocalServers, stop: AbortSignal): Promise<void> {
  const config = configFor(settings, servers, 'start');
  await withResources(log, async (resources) => {
    const admin = new KafkaAdmin(openKafka(config.kafka, log));
    resources.opened('kafka admin', () => admin.close());
    await step(
      'topics',
      () => ensureTopics(admin, settings),
      (states) => {
        const created = states.filter((state) => state.created).map(({ spec }) => spec.name);
        const partitions = `${states[0]?.partitions ?? 0} partitions`;
        return created.length === 0 ? `there, ${partitions}` : `created ${created.join(', ')}, ${partitions}`;
      },
    );
    stop.throwIfAborted();
    const database = openDatabase(config.postgres, log);
    resources.opened('postgres', () => database.close());
    await step(
      'tables',
      () => migrate(database, log),
      ({ applied }) => (applied.length === 0 ? 'those of this version' : `applied ${applied.join(', ')}`),
    );
  });
  stop.throwIfAborted();
}
