import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { VARIABLES } from '../config/variables.js';
import { addBench } from './commands/bench.js';
import { addCheck } from './commands/check.js';
import { addDemo } from './commands/demo.js';
import { addDlq } from './commands/dlq.js';
import { addDoctor } from './commands/doctor.js';
import { addHistory } from './commands/history.js';
import { addMigrate } from './commands/migrate.js';
import { addProduce } from './commands/produce.js';
import { addRun } from './commands/run.js';
import { addServers } from './commands/servers.js';
import { addStart } from './commands/start.js';
import { addTail } from './commands/tail.js';
import { addTopics } from './commands/topics.js';

/** In the order in which somebody new meets them. */
const COMMANDS = [
  addDemo,
  addStart,
  addProduce,
  addTail,
  addHistory,
  addCheck,
  addDlq,
  addRun,
  addServers,
  addTopics,
  addMigrate,
  addDoctor,
  addBench,
];

/** The whole command line. Builds only; parsing runs a command. Errors are thrown, never end the process here. */
export function buildProgram(): Command {
  const program = new Command('inorder')
    .description('Puts chat messages in one exact order per conversation, on Kafka and PostgreSQL.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .configureHelp({ sortSubcommands: false, showGlobalOptions: false })
    .showSuggestionAfterError()
    .addHelpText('after', `\n${firstSteps()}\n\n${environmentHelp()}`);
  for (const add of COMMANDS) add(program);
  throwErrors(program);
  return program;
}

/** Commander's own way out is process.exit; ours is the exception, for every command below too. */
function throwErrors(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) throwErrors(child);
}

function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

function firstSteps(): string {
  return [
    'First steps:',
    '  $ inorder demo                                             what it is about, in under a minute',
    '  $ inorder start                                            everything, in this terminal',
    '  $ inorder produce --from alice --to bob --text "hello"     in another one',
    '  $ inorder tail --from-beginning                            the messages, in their final order',
    '',
    'Commands use KAFKA_BROKERS and DATABASE_URL where they are set, else the stack that runs in INORDER_DATA_DIR.',
  ].join('\n');
}

function environmentHelp(): string {
  const width = Math.max(...Object.keys(VARIABLES).map((name) => name.length));
  const lines = Object.entries(VARIABLES).map(
    ([name, { about, fallback }]) =>
      `  ${name.padEnd(width)}  ${about}${fallback === undefined ? '' : ` (${fallback})`}`,
  );
  return ['Environment:', ...lines].join('\n');
}
