import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { invariant } from '../invariant.js';

export interface MigrationFile {
  readonly version: number;
  /** The file's name without `.sql`: `0001_pipeline`. */
  readonly name: string;
  readonly sql: string;
  /** SHA-256 as hex, over the text with line ends as `\n`: a checkout on Windows changes those. */
  readonly checksum: string;
}

/** In the package's root: the same two steps up from src/postgres and from dist/postgres. */
export const MIGRATIONS_DIRECTORY = fileURLToPath(new URL('../../migrations/', import.meta.url));

const FILE_NAME = /^(\d{4})_[a-z0-9_]+\.sql$/;

/** The `NNNN_what.sql` files of a folder in the order of their numbers, which must be 1, 2, 3, … */
export function readMigrationFiles(directory: string): MigrationFile[] {
  const fileNames = readdirSync(directory)
    .filter((name) => name.endsWith('.sql'))
    .sort();
  return fileNames.map((fileName, index) => {
    const number = FILE_NAME.exec(fileName)?.[1];
    invariant(number !== undefined, `${join(directory, fileName)} is not named NNNN_what.sql`);
    const version = Number(number);
    invariant(version === index + 1, `${join(directory, fileName)}: number ${index + 1} was expected here`);
    const sql = readFileSync(join(directory, fileName), 'utf8').replaceAll('\r\n', '\n');
    const checksum = createHash('sha256').update(sql).digest('hex');
    return { version, name: fileName.slice(0, -'.sql'.length), sql, checksum };
  });
}
