import type { Command } from 'commander';
import { withoutPassword } from '../../config/environment.js';
import { stackPath } from '../../config/stack-file.js';
import { openContext } from '../context.js';
import { announceStack, refuseSecondStack, startLocalServers } from '../local-servers.js';
import { note, print, printJson } from '../output.js';
import { serve } from '../serve.js';

const HELP = `
Examples:
  $ inorder servers                      a Kafka and a PostgreSQL for this folder, until Ctrl-C
  $ inorder servers --json               prints the addresses when ready, as one JSON object
  $ INORDER_DATA_DIR=/tmp/a INORDER_KAFKA_PORT=0 INORDER_PG_PORT=0 inorder servers

The data survives a restart; a server that dies is started again. Needs Java 17 or newer and Maven for Kafka.`;

export function addServers(program: Command): void {
  program
    .command('servers')
    .description('run the embedded Kafka and PostgreSQL alone')
    .option('--json', 'the addresses as one JSON object, when ready')
    .option('--pretty', 'readable log lines (the default on a terminal)')
    .option('--no-pretty', 'JSON log lines')
    .addHelpText('after', HELP)
    .action(async (options: { json?: boolean; pretty?: boolean }) => {
      const context = openContext('service', { pretty: options.pretty });
      const { settings, log } = context;
      refuseSecondStack(settings);
      await serve({
        log,
        shutdownTimeoutMs: settings.shutdownTimeoutMs,
        start: async (resources, stop) => {
          const servers = await startLocalServers(context, { brokers: null, databaseUrl: null }, resources, stop);
          announceStack(settings, servers, null, resources);
          const { brokers, databaseUrl } = servers;
          if (options.json === true) printJson({ brokers, databaseUrl, pids: servers.pids() });
          else {
            print(`Kafka       ${brokers.join(',')}`);
            print(`PostgreSQL  ${withoutPassword(databaseUrl)}   (with its password: ${stackPath(settings.dataDir)})`);
          }
          if (settings.brokers !== null || settings.databaseUrl !== null) {
            note('note: KAFKA_BROKERS or DATABASE_URL is set here; commands use those, not these servers');
          }
          return servers;
        },
      });
    });
}
