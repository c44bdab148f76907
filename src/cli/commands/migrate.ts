import type { Command } from 'commander';
import { migrate } from '../../postgres/migrate.js';
import { connectDatabase } from '../connect.js';
import { openContext } from '../context.js';
import { print, printJson } from '../output.js';
import { withResources } from '../resources.js';

const HELP = `
Examples:
  $ inorder migrate
  $ DATABASE_URL=postgres://inorder:secret@db:5432/inorder inorder migrate --json

Safe to run again and by several at once: a lock lets one through, the others find nothing left to do.`;

export function addMigrate(program: Command): void {
  program
    .command('migrate')
    .description("bring PostgreSQL's tables to this version")
    .option('--json', 'one JSON object')
    .addHelpText('after', HELP)
    .action(async (options: { json?: boolean }) => {
      const context = openContext('client');
      await withResources(context.log, async (resources) => {
        const { applied } = await migrate(connectDatabase(context, 'migrate', resources), context.log);
        if (options.json === true) return printJson({ applied });
        for (const name of applied) print(`applied ${name}`);
        print(applied.length === 0 ? 'nothing to do: the tables are those of this version' : 'done');
      });
    });
}
