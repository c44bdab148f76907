/**
 * What lint can't see, as pure checks: each takes the repository's text files and returns a sentence a violation.
 * The words that they look for are put together here, so that this file does not violate what it checks.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';

export interface RepositoryFile {
  /** From the repository's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

export type Check = (files: readonly RepositoryFile[]) => string[];

const NOT_OURS = ['node_modules', '.git', 'dist', 'coverage', '.inorder', 'package-lock.json'];
const TEXT = /\.(ts|mts|cts|mjs|cjs|js|json|md|sql|ya?ml|xml|sh|properties)$|^(Dockerfile|run|\.\w+)$/;
const MAX_SOURCE_LINES = 350;
/** The benchmark measures kafkajs by itself, beside what we make of it. */
const KAFKAJS_HOMES = ['src/kafka/', 'src/bench/kafkajs-baseline.ts'];

export function readRepository(root: string, folder = ''): RepositoryFile[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(folder, entry.name);
    if (NOT_OURS.includes(entry.name)) return [];
    if (entry.isDirectory()) return readRepository(root, path);
    return entry.isFile() && TEXT.test(entry.name) ? [{ path, text: readFileSync(join(root, path), 'utf8') }] : [];
  });
}

export const noLongFiles: Check = (files) =>
  sources(files).flatMap(({ path, text }) => {
    const lines = text.trimEnd().split('\n').length;
    return lines > MAX_SOURCE_LINES ? [`${path} has ${lines} lines: split it where its two ideas meet`] : [];
  });

/** Settings come from src/config, validated once. */
export const environmentReadOnce: Check = (files) =>
  found(
    outside(files, ['src/config/']),
    /\bprocess\s*\.\s*env\b|\bprocess\s*\[\s*'env'|\benv\b.*from 'node:process'/,
    'reads the environment',
  );

export const kafkajsAtHome: Check = (files) =>
  found(outside(files, KAFKAJS_HOMES), importOf('kafkajs'), 'imports kafkajs');

export const pgAtHome: Check = (files) => found(outside(files, ['src/postgres/']), importOf('pg'), 'imports pg');

/** A file named so only grows: it says nothing about what belongs in it. */
export const noNamelessFiles: Check = (files) =>
  files
    .filter(({ path }) => /(^|[/._-])(utils?|helpers?|commons?|misc|stuff)([/._-]|$)/i.test(path))
    .map(({ path }) => `${path}: name it after what it owns`);

const UNFINISHED = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X'].join('|')})\\b`);

export const nothingUnfinished: Check = (files) => found(files, UNFINISHED, 'is unfinished');

/** The folders of one person's or one machine's own. In a Dockerfile they are the image's: everybody's. */
const MACHINE_PATH = new RegExp(
  [
    String.raw`/(?:home|Us` + String.raw`ers)/[\w.-]+/`,
    `/ro` + String.raw`ot/[\w.]`,
    '/wo' + 'rk/(?:main|shared)',
    String.raw`\b[A-Z]:\\Users\\`,
  ].join('|'),
);

export const noMachinePaths: Check = (files) =>
  found(
    files.filter(({ path }) => !path.endsWith('Dockerfile')),
    MACHINE_PATH,
    'names a path of one machine',
  );

/** With a host in it the lock file works only where that host is reached. */
export function noRegistryHosts(lockFile: string): string[] {
  const hosts = lockFile.match(/"resolved": "https?:[^"]*"/g) ?? [];
  return hosts.map((resolved) => `package-lock.json holds ${resolved}`);
}

/** Every `npm run …` that a person or CI is told to type. */
export function noDeadScripts(files: readonly RepositoryFile[], scripts: readonly string[]): string[] {
  const told = files.filter(({ path }) => path.endsWith('.md') || path === '.ci/run');
  return told.flatMap(({ path, text }) =>
    [...text.matchAll(/\bnpm run (?:--?[\w-]+ )*([\w:-]*\w)/g)]
      .map(([, name = '']) => name)
      .filter((name) => !scripts.includes(name))
      .map((name) => `${path} tells to type "npm run ${name}", which package.json does not have`),
  );
}

/** Every relative link of a document leads somewhere. */
export function noDeadLinks(files: readonly RepositoryFile[], exists: (path: string) => boolean): string[] {
  return files
    .filter(({ path }) => path.endsWith('.md'))
    .flatMap(({ path, text }) =>
      [...text.matchAll(/\]\(([^()\s#:]+)(?:#[^()\s]*)?\)/g)]
        .map(([, target = '']) => posix.join(dirname(path), target))
        .filter((target) => !exists(target))
        .map((target) => `${path} links to ${target}, which is not there`),
    );
}

/** Each of these names has a row of a table in the document: `name`, among others or with what follows it. */
export function noMissingRows(document: RepositoryFile, names: readonly string[]): string[] {
  const cells = document.text
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.split(/(?<!\\)\|/)[1] ?? '');
  const told = cells.flatMap((cell) => [...cell.matchAll(/`([\w-]+)/g)].map(([, name = '']) => name));
  return names.filter((name) => !told.includes(name)).map((name) => `${document.path} has no row for ${name}`);
}

export const existsIn =
  (root: string) =>
  (path: string): boolean =>
    existsSync(join(root, path));

function sources(files: readonly RepositoryFile[]): RepositoryFile[] {
  return files.filter(({ path }) => path.startsWith('src/') && path.endsWith('.ts'));
}

function outside(files: readonly RepositoryFile[], homes: readonly string[]): RepositoryFile[] {
  return sources(files).filter(({ path }) => !homes.some((home) => path.startsWith(home)));
}

function importOf(vendor: string): RegExp {
  return new RegExp(`\\b(?:from|import|import\\(|require\\()\\s*['"]${vendor}(?:/[^'"]*)?['"]`);
}

function found(files: readonly RepositoryFile[], pattern: RegExp, what: string): string[] {
  return files.flatMap(({ path, text }) =>
    text
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1} ${what}: ${line.trim()}`] : [])),
  );
}
