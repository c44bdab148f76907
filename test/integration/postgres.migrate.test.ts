import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../src/observe/log.js';
import type { Database } from '../../src/postgres/database.js';
import { migrate, migrationStatus, requireMigrated } from '../../src/postgres/migrate.js';
import { MIGRATIONS_DIRECTORY, readMigrationFiles } from '../../src/postgres/migration-files.js';
import { pinPartitions } from '../../src/postgres/pipeline-pin.js';
import { testSchema } from '../support/postgres-schema.js';

const schema = testSchema();
const directories: string[] = [];
let db: Database;

beforeEach(async () => {
  await schema.client.query(`DROP SCHEMA ${schema.name} CASCADE; CREATE SCHEMA ${schema.name}`);
  db = schema.open();
});

afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true });
});

function migrations(files: Record<string, string>): string {
  const directory = mkdtempSync(join(tmpdir(), 'inorder-migrations-'));
  directories.push(directory);
  for (const [name, sql] of Object.entries(files)) writeFileSync(join(directory, name), sql);
  return directory;
}

async function tables(): Promise<string[]> {
  const { rows } = await schema.client.query<{ name: string }>(
    'SELECT table_name AS name FROM information_schema.tables WHERE table_schema = $1 ORDER BY 1',
    [schema.name],
  );
  return rows.map(({ name }) => name);
}

const ONE = { '0001_one.sql': 'CREATE TABLE one (a int); CREATE TABLE uno (a int);' };
const TWO = { ...ONE, '0002_two.sql': 'ALTER TABLE one ADD b text;' };

test("the package's migrations make the public tables, once", async () => {
  const names = readMigrationFiles(MIGRATIONS_DIRECTORY).map(({ name }) => name);
  expect(names[0]).toBe('0001_pipeline');
  await expect(requireMigrated(db)).rejects.toMatchObject({
    code: 'migration_mismatch',
    message: expect.stringMatching(/lacks 0001_pipeline.*inorder migrate/) as unknown,
  });
  expect(await migrate(db, silentLog)).toEqual({ applied: names });
  expect(await migrate(db, silentLog)).toEqual({ applied: [] });
  expect(await migrationStatus(db)).toEqual({ applied: names, pending: [] });
  await requireMigrated(db);
  expect(await tables()).toEqual(
    expect.arrayContaining(['conversation', 'dead_letter', 'lane', 'message', 'pipeline', 'schema_migration']),
  );
});

test('workers that start at once apply each migration once', async () => {
  const directory = migrations({
    '0001_one.sql': 'CREATE TABLE one (a int); SELECT pg_sleep(0.2);',
    '0002_two.sql': 'ALTER TABLE one ADD b text;',
  });
  const workers = Array.from({ length: 5 }, () => schema.open());
  const results = await Promise.all(workers.map((worker) => migrate(worker, silentLog, directory)));
  expect(results.flatMap(({ applied }) => applied)).toHaveLength(2);
  expect(new Set(results.flatMap(({ applied }) => applied))).toEqual(new Set(['0001_one', '0002_two']));
});

test('a later version applies what is new', async () => {
  await migrate(db, silentLog, migrations(ONE));
  const directory = migrations(TWO);
  expect(await migrationStatus(db, directory)).toEqual({ applied: ['0001_one'], pending: ['0002_two'] });
  expect(await migrate(db, silentLog, directory)).toEqual({ applied: ['0002_two'] });
});

test('a migration that fails leaves nothing of itself, and those before it', async () => {
  const broken = migrations({ ...ONE, '0002_two.sql': 'CREATE TABLE two (a int); SELECT 1 / 0;' });
  await expect(migrate(db, silentLog, broken)).rejects.toMatchObject({
    code: 'postgres_failed',
    message: expect.stringContaining('division by zero') as unknown,
  });
  expect(await tables()).toEqual(['one', 'schema_migration', 'uno']);
  expect(await migrate(db, silentLog, migrations(TWO))).toEqual({ applied: ['0002_two'] });
});

test('a migration may take longer than a statement may', async () => {
  const impatient = schema.open({ statementTimeoutMs: 300, idleInTransactionTimeoutMs: 700 });
  const slow = migrations({ '0001_slow.sql': 'SELECT pg_sleep(1.3);' });
  expect(await migrate(impatient, silentLog, slow)).toEqual({ applied: ['0001_slow'] });
  const [row] = await impatient.query({ text: `SELECT current_setting('statement_timeout') AS limit` });
  expect(row).toEqual({ limit: '300ms' });
});

describe('what was applied must be what this version knows', () => {
  test.each([
    ['changed', { ...TWO, '0001_one.sql': 'CREATE TABLE one (a bigint);' }, /0001_one was changed after/],
    [
      'renamed',
      { '0001_eins.sql': ONE['0001_one.sql'], '0002_two.sql': TWO['0002_two.sql'] },
      /this version has 0001_eins/,
    ],
    ['unknown', ONE, /0002_two, which this version doesn't know.*newer/],
  ])('%s', async (_name, files, message) => {
    await migrate(db, silentLog, migrations(TWO));
    const directory = migrations(files);
    const expected = { code: 'migration_mismatch', message: expect.stringMatching(message) as unknown };
    await expect(migrate(db, silentLog, directory)).rejects.toMatchObject(expected);
    await expect(migrationStatus(db, directory)).rejects.toMatchObject(expected);
  });

  test('but line ends may differ', async () => {
    await migrate(db, silentLog, migrations({ '0001_one.sql': 'SELECT 1;\nSELECT 2;\n' }));
    const windows = migrations({ '0001_one.sql': 'SELECT 1;\r\nSELECT 2;\r\n' });
    expect(await migrate(db, silentLog, windows)).toEqual({ applied: [] });
  });
});

describe('the partition count', () => {
  const asked = { topicPrefix: 'im', partitions: 8 };

  test('is pinned by the first start and kept by the next ones, also when many start at once', async () => {
    await migrate(db, silentLog);
    const starts = await Promise.all(Array.from({ length: 4 }, () => pinPartitions(schema.open(), asked)));
    expect(starts).toEqual(Array.from({ length: 4 }, () => ({ partitions: 8 })));
    expect(await pinPartitions(db, asked)).toEqual({ partitions: 8 });
  });

  test.each([
    ['another count', { partitions: 16 }, /pinned to 8 partitions.*16.*INORDER_PARTITIONS=8/],
    ['another prefix', { topicPrefix: 'chat' }, /prefix "im".*"chat".*INORDER_TOPIC_PREFIX=im/],
  ])('%s is refused with what was pinned, what was asked and what to do', async (_name, change, message) => {
    await migrate(db, silentLog);
    await pinPartitions(db, asked);
    await expect(pinPartitions(db, { ...asked, ...change })).rejects.toMatchObject({
      code: 'topic_mismatch',
      retryable: false,
      message: expect.stringMatching(message) as unknown,
    });
    expect(await pinPartitions(db, asked)).toEqual({ partitions: 8 });
  });
});
