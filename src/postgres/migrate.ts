/**
 * Brings the tables to this version: numbered SQL files, each in a transaction of its own together with the note that
 * it was applied, one process at a time (an advisory lock per schema). What was applied before must be what the files
 * say: a changed or unknown migration is refused, and nothing is touched then.
 */
import { InorderError } from '../errors.js';
import type { Log } from '../observe/log.js';
import type { Database, Transaction } from './database.js';
import { MIGRATIONS_DIRECTORY, readMigrationFiles, type MigrationFile } from './migration-files.js';
import { integer, text } from './row.js';

export interface MigrationStatus {
  /** Names in the order of their numbers. */
  readonly applied: readonly string[];
  readonly pending: readonly string[];
}

interface AppliedMigration {
  readonly version: number;
  readonly name: string;
  readonly checksum: string;
}

/** Another process may be migrating a large table; longer than this something is wrong. */
const LOCK_TIMEOUT_MS = 60_000;

const CREATE_TABLE = `
CREATE TABLE IF NOT EXISTS schema_migration (
  version    integer NOT NULL PRIMARY KEY,
  name       text    NOT NULL,
  checksum   text    NOT NULL,
  applied_at bigint  NOT NULL
)`;

/**
 * Applies what is missing. Safe to run again, and by several processes at once.
 * @returns the names of what this call applied.
 * @throws InorderError migration_mismatch; as Database.query. A failed migration leaves those before it applied.
 */
export async function migrate(
  db: Database,
  log: Log,
  directory: string = MIGRATIONS_DIRECTORY,
): Promise<{ applied: string[] }> {
  await requireUtf8(db);
  const files = readMigrationFiles(directory);
  const applied: string[] = [];
  for (;;) {
    const file = await db.transaction((transaction) => applyNext(transaction, files));
    if (file === null) return { applied };
    applied.push(file.name);
    log.info('migration applied', { name: file.name });
  }
}

/** What is applied and what `migrate` would do. Changes nothing. @throws InorderError migration_mismatch; as Database.query */
export async function migrationStatus(
  db: Database,
  directory: string = MIGRATIONS_DIRECTORY,
): Promise<MigrationStatus> {
  const files = readMigrationFiles(directory);
  const [table] = await db.query({ text: `SELECT FROM pg_class WHERE oid = to_regclass('schema_migration')` });
  const applied = table === undefined ? [] : await readApplied((query) => db.query(query));
  const pending = pendingAfter(applied, files);
  return { applied: applied.map(({ name }) => name), pending: pending.map(({ name }) => name) };
}

/** For stages, which don't migrate. @throws InorderError migration_mismatch when anything is pending; as Database.query */
export async function requireMigrated(db: Database): Promise<void> {
  const { pending } = await migrationStatus(db);
  if (pending.length === 0) return;
  throw new InorderError(
    'migration_mismatch',
    `the database ${db.address} lacks ${pending.join(', ')}: run \`inorder migrate\` with this version, then start again`,
  );
}

async function applyNext(transaction: Transaction, files: readonly MigrationFile[]): Promise<MigrationFile | null> {
  await transaction.query({ text: `SELECT set_config('lock_timeout', $1, true)`, values: [LOCK_TIMEOUT_MS] });
  await transaction.query({
    text: `SELECT pg_advisory_xact_lock(hashtextextended('inorder migrate ' || current_schema(), 0))`,
  });
  await transaction.query({ text: CREATE_TABLE });
  const [next] = pendingAfter(await readApplied((query) => transaction.query(query)), files);
  if (next === undefined) return null;
  await transaction.script(next.sql);
  await transaction.query({
    text: `INSERT INTO schema_migration (version, name, checksum, applied_at)
           VALUES ($1, $2, $3, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)`,
    values: [next.version, next.name, next.checksum],
  });
  return next;
}

async function readApplied(query: Transaction['query']): Promise<AppliedMigration[]> {
  const rows = await query({ text: 'SELECT version, name, checksum FROM schema_migration ORDER BY version' });
  return rows.map((row) => ({
    version: integer(row, 'version'),
    name: text(row, 'name'),
    checksum: text(row, 'checksum'),
  }));
}

/** @throws InorderError migration_mismatch unless `applied` is the beginning of `files`. */
function pendingAfter(applied: readonly AppliedMigration[], files: readonly MigrationFile[]): readonly MigrationFile[] {
  applied.forEach((one, index) => {
    const file = files[index];
    if (file === undefined) {
      throw new InorderError(
        'migration_mismatch',
        `the database was migrated to ${one.name}, which this version doesn't know: a newer version of inorder was ` +
          'here; run that version, or a newer one',
      );
    }
    if (one.version !== file.version || one.name !== file.name || one.checksum !== file.checksum) {
      throw new InorderError(
        'migration_mismatch',
        `migration ${one.name} was changed after it was applied to the database (this version has ${file.name}, ` +
          `checksum ${file.checksum.slice(0, 12)}…; applied was ${one.checksum.slice(0, 12)}…): install the version it ` +
          'was applied with, and put changes into a new migration',
      );
    }
  });
  return files.slice(applied.length);
}

/** Another encoding would refuse, or change, text that a message may hold. */
async function requireUtf8(db: Database): Promise<void> {
  const [row] = await db.query({ text: `SELECT current_setting('server_encoding') AS encoding` });
  if (row?.['encoding'] === 'UTF8') return;
  throw new InorderError(
    'postgres_failed',
    `the database ${db.address} has the encoding ${String(row?.['encoding'])}: messages may hold any Unicode text; ` +
      `create it with ENCODING 'UTF8' TEMPLATE template0, and name it in DATABASE_URL`,
  );
}
