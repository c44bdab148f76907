/** The embedded PostgreSQL: its files in `<dataDir>/postgres`, made once, and how its process is run. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { InorderError } from '../errors.js';
import type { DataDir } from './data-dir.js';
import { LOOPBACK } from './ports.js';
import { findPostgresBinaries, type PostgresBinaries } from './postgres-binaries.js';
import { postgresUser, type PostgresUser } from './postgres-user.js';
import { tailOf } from './server-log.js';
import type { ServerPlan } from './supervisor.js';

/** SIGINT: a fast shutdown. SIGQUIT: at once, children too, and recovery at the next start. */
export const POSTGRES_STOP = [
  { signal: 'SIGINT', waitMs: 20_000 },
  { signal: 'SIGQUIT', waitMs: 5_000 },
  { signal: 'SIGKILL', waitMs: 5_000 },
] as const;

const START_TIMEOUT_MS = 120_000;
const STEP_TIMEOUT_MS = 120_000;
const PASSWORD_BYTES = 12;
const NAME = 'inorder';

/** For a small machine that Kafka and Node share. Durability (fsync, synchronous_commit) is not negotiable. */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: LOOPBACK,
  unix_socket_directories: '',
  max_connections: '100',
  shared_buffers: '256MB',
  effective_cache_size: '1GB',
  random_page_cost: '1.1',
  max_parallel_workers_per_gather: '1',
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  // Room, so that a burst of inserts does not force checkpoint after checkpoint.
  max_wal_size: '2GB',
  min_wal_size: '256MB',
  checkpoint_timeout: '15min',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
};

export interface PostgresSite {
  readonly dataDir: DataDir;
  readonly port: number;
}

/** What the command line of this data dir's PostgreSQL holds and no other's. */
export function postgresMark(dataDir: DataDir): string {
  return dataPathOf(dataDir);
}

/** Makes the database if this is the first start, and says how to run the server and how to reach it. */
export async function preparePostgres({
  dataDir,
  port,
}: PostgresSite): Promise<{ plan: ServerPlan; databaseUrl: string }> {
  const folder = dataDir.folder('postgres');
  const dataPath = dataPathOf(dataDir);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const binaries = findPostgresBinaries();
  const user = postgresUser(folder, dataPath, binaries.postgres);
  if (!existsSync(dataPath)) await create(dataDir, binaries, user);
  const settings = Object.entries({ ...SETTINGS, port: String(port) }).flatMap(([name, value]) => [
    '-c',
    `${name}=${value}`,
  ]);
  const plan: ServerPlan = {
    name: 'postgres',
    title: 'PostgreSQL',
    port,
    command: [...user.prefix, binaries.postgres, '-D', dataPath, ...settings],
    mark: postgresMark(dataDir),
    runAs: user.runAs,
    logPath: dataDir.logPath('postgres'),
    stopSteps: POSTGRES_STOP,
    startTimeoutMs: START_TIMEOUT_MS,
    isReady: (pid) => isReady(dataPath, pid),
  };
  const password = readFileSync(passwordPathOf(dataDir), 'utf8').trim();
  return { plan, databaseUrl: `postgres://${NAME}:${password}@${LOOPBACK}:${port}/${NAME}` };
}

/** As `pg_ctl --wait` does: the server writes its pid and, on line 8, its state into this file. */
function isReady(dataPath: string, pid: number): boolean {
  try {
    const lines = readFileSync(join(dataPath, 'postmaster.pid'), 'utf8').split('\n');
    return Number(lines[0]) === pid && lines[7]?.trim() === 'ready';
  } catch {
    return false;
  }
}

/**
 * Makes it beside the place and renames: a kill in between leaves nothing that looks like a database. The password is
 * made too, and kept beside the data that it opens: any user of the machine can reach a port of 127.0.0.1.
 */
async function create(dataDir: DataDir, binaries: PostgresBinaries, user: PostgresUser): Promise<void> {
  const dataPath = dataPathOf(dataDir);
  const passwordPath = passwordPathOf(dataDir);
  const fresh = `${dataPath}.new`;
  rmSync(fresh, { recursive: true, force: true });
  rmSync(passwordPath, { force: true });
  writeFileSync(passwordPath, `${randomBytes(PASSWORD_BYTES).toString('hex')}\n`, { mode: 0o600 });
  const { uid, gid } = statSync(dataDir.folder('postgres'));
  chownSync(passwordPath, uid, gid);
  const shape = [
    '--encoding=UTF8',
    '--locale=C',
    '--auth=scram-sha-256',
    `--username=${NAME}`,
    `--pwfile=${passwordPath}`,
  ];
  await step(user, [binaries.initdb, '-D', fresh, ...shape, '--no-instructions'], '');
  await step(user, [binaries.postgres, '--single', '-D', fresh, 'postgres'], `CREATE DATABASE ${NAME};\n`);
  renameSync(fresh, dataPath);
}

/** Runs a program of PostgreSQL to its end. @throws InorderError server_start_failed with what it said. */
async function step({ runAs, prefix }: PostgresUser, command: readonly string[], input: string): Promise<void> {
  const [program = '', ...args] = [...prefix, ...command];
  const child = spawn(program, args, { ...runAs, cwd: '/', timeout: STEP_TIMEOUT_MS });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [code, output, errors] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  if (code === 0) return;
  const said = tailOf(`${output}\n${errors}`);
  throw new InorderError(
    'server_start_failed',
    `PostgreSQL's database was not made: ${command[0]} ended with ${code}\n${said}`,
  );
}

function passwordPathOf(dataDir: DataDir): string {
  return join(dataDir.folder('postgres'), 'password');
}

function dataPathOf(dataDir: DataDir): string {
  return join(dataDir.folder('postgres'), 'data');
}
