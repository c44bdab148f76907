import type { Command } from 'commander';
import { systemClock } from '../../clock/clock.js';
import { kafkaOptions, postgresOptions } from '../../config/settings.js';
import { KafkaAdmin } from '../../kafka/admin.js';
import { openKafka } from '../../kafka/connection.js';
import { openDatabase } from '../../postgres/database.js';
import { findBrokers, findDatabase } from '../addresses.js';
import { openContext, type CommandContext } from '../context.js';
import { clockFindings } from '../doctor/clocks.js';
import type { Finding } from '../doctor/finding.js';
import { hostFindings } from '../doctor/host.js';
import { kafkaFindings } from '../doctor/kafka.js';
import { laneFindings } from '../doctor/lanes.js';
import { postgresFindings } from '../doctor/postgres.js';
import { print, printJson } from '../output.js';
import { withResources, type Resources } from '../resources.js';
import { step } from '../steps.js';
import { tableLines } from '../table.js';

const HELP = `
Examples:
  $ inorder doctor                     what is right, what isn't, and what to do about it
  $ inorder doctor --json | jq '.findings[] | select(.state != "ok")'

Looks at this host, at Kafka and PostgreSQL and their settings, at the clocks of all of them, and at groups and lanes.
Changes nothing; to read Kafka's clock it writes to a topic of its own and deletes it. Exit code 1 when something fails.`;

const FAILED_EXIT_CODE = 1;

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('check everything that may be wrong, and say what to do')
    .option('--json', 'one JSON object')
    .addHelpText('after', HELP)
    .action(async (options: { json?: boolean }) => {
      const context = openContext('client');
      const findings = await withResources(context.log, (resources) => examine(context, resources));
      if (options.json === true) printJson({ ok: !findings.some(isFailure), findings });
      else show(findings);
      if (findings.some(isFailure)) process.exitCode = FAILED_EXIT_CODE;
    });
}

async function examine({ settings, log }: CommandContext, resources: Resources): Promise<Finding[]> {
  const brokers = orNull(() => findBrokers(settings));
  const databaseUrl = orNull(() => findDatabase(settings));
  const options = brokers === null ? null : kafkaOptions(settings, brokers, 'doctor');
  const admin = options === null ? null : new KafkaAdmin(openKafka(options, log));
  const database = databaseUrl === null ? null : openDatabase(postgresOptions(settings, databaseUrl, 'doctor'), log);
  if (admin !== null) resources.opened('kafka admin', () => admin.close());
  if (database !== null) resources.opened('postgres', () => database.close());

  const findings = await section('host', () => hostFindings(settings));
  if (admin !== null) findings.push(...(await section('Kafka', () => kafkaFindings(admin, settings))));
  const kafkaIsThere = isThere(findings, 'kafka');
  if (database !== null) {
    const logic = admin !== null && kafkaIsThere ? await admin.describeTopics([settings.topics.logic]) : null;
    const partitions = logic?.get(settings.topics.logic)?.partitions ?? null;
    findings.push(...(await section('PostgreSQL', () => postgresFindings(database, settings, partitions))));
  }
  const kafka = admin !== null && options !== null && kafkaIsThere ? { admin, options } : null;
  const reached = { kafka, database: isThere(findings, 'postgresql') ? database : null };
  const clocks = { ...reached, topicPrefix: settings.topicPrefix };
  findings.push(...(await section('clocks', () => clockFindings(clocks, settings.clock, systemClock, log))));
  if (kafka !== null && reached.database !== null && !findings.some(isMissingPart)) {
    const store = reached.database;
    findings.push(...(await section('pipeline', () => laneFindings(kafka.admin, store, settings))));
  }
  return findings;
}

function show(findings: readonly Finding[]): void {
  const columns = [{ title: 'state' }, { title: 'area' }, { title: 'check' }, { title: 'found' }];
  const rows = findings.map(({ state, area, check, found }) => [state, area, check, found]);
  for (const line of tableLines(columns, rows)) print(line);
  const advised = findings.flatMap(({ state, check, advice }) => (advice === null ? [] : [[state, check, advice]]));
  if (advised.length > 0) {
    print('');
    for (const line of tableLines([{ title: 'state' }, { title: 'check' }, { title: 'what to do' }], advised))
      print(line);
  }
  const count = (state: Finding['state']): number => findings.filter((finding) => finding.state === state).length;
  print('');
  print(`${count('ok')} ok, ${count('warn')} to look at, ${count('fail')} failed`);
}

function isFailure({ state }: Finding): boolean {
  return state === 'fail';
}

function section(name: string, look: () => Promise<Finding[]>): Promise<Finding[]> {
  return step(name, look, (findings) => {
    const count = findings.filter(({ state }) => state !== 'ok').length;
    return count === 0 ? '' : `${count} to look at`;
  });
}

/** Whether the first look at a server, which reaches it, succeeded. */
function isThere(findings: readonly Finding[], area: Finding['area']): boolean {
  return findings.find((finding) => finding.area === area)?.state === 'ok';
}

/** Without topics or tables there are no lanes to look at. */
function isMissingPart({ state, check }: Finding): boolean {
  return state === 'fail' && (check === 'topics' || check === 'tables');
}

function orNull<T>(find: () => T): T | null {
  try {
    return find();
  } catch {
    return null; // said among the findings of the host
  }
}
