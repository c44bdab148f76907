import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MIGRATIONS_DIRECTORY, readMigrationFiles } from '../../src/postgres/migration-files.js';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'inorder-migrations-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

function write(...names: string[]): void {
  for (const name of names) writeFileSync(join(directory, name), `-- ${name}\n`);
}

test('files are read in the order of their numbers; others are left alone', () => {
  write('0002_second.sql', '0001_first.sql', 'README.md');
  expect(readMigrationFiles(directory)).toMatchObject([
    { version: 1, name: '0001_first', sql: '-- 0001_first.sql\n' },
    { version: 2, name: '0002_second' },
  ]);
});

test('a hole or a double in the numbers is refused', () => {
  write('0001_first.sql', '0003_third.sql');
  expect(() => readMigrationFiles(directory)).toThrow(/0003_third\.sql: number 2 was expected/);
  write('0002_second.sql', '0002_zwei.sql');
  expect(() => readMigrationFiles(directory)).toThrow(/0002_zwei\.sql: number 3 was expected/);
});

test('a name without a number is refused', () => {
  write('first.sql');
  expect(() => readMigrationFiles(directory)).toThrow(/first\.sql is not named NNNN_what\.sql/);
});

test('the checksum is of the text, whatever the line ends', () => {
  writeFileSync(join(directory, '0001_a.sql'), 'SELECT 1;\nSELECT 2;\n');
  const [unix] = readMigrationFiles(directory);
  writeFileSync(join(directory, '0001_a.sql'), 'SELECT 1;\r\nSELECT 2;\r\n');
  expect(readMigrationFiles(directory)).toEqual([unix]);
  writeFileSync(join(directory, '0001_a.sql'), 'SELECT 1;\nSELECT 3;\n');
  expect(readMigrationFiles(directory)[0]?.checksum).not.toBe(unix?.checksum);
});

test("the package's own migrations are where they are looked for", () => {
  expect(readMigrationFiles(MIGRATIONS_DIRECTORY).map(({ version }) => version)[0]).toBe(1);
});
