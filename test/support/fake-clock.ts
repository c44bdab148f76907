/** A wall clock that a test can set while the process runs: libfaketime, which leaves the monotonic clock alone. */
import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface FakeClock {
  /** For the environment of the processes whose clock it is to be. */
  readonly env: Readonly<Record<string, string>>;
  /** From now on their wall clock is off by this much. */
  set(offMs: number): void;
  remove(): void;
}

/** @throws Error that says what to install */
export function fakeClock(offMs = 0): FakeClock {
  const folder = mkdtempSync(join(tmpdir(), 'inorder-clock-'));
  const file = join(folder, 'offset');
  const set = (ms: number): void => {
    // Renamed into place: it is read at every look at the clock, and must never be read half written.
    writeFileSync(`${file}.new`, `${ms < 0 ? '-' : '+'}${(Math.abs(ms) / 1_000).toFixed(3)}\n`);
    renameSync(`${file}.new`, file);
  };
  set(offMs);
  return {
    env: {
      LD_PRELOAD: findLibrary(),
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
    },
    set,
    remove: () => rmSync(folder, { recursive: true }),
  };
}

const LIBRARY = 'libfaketimeMT.so.1';

function findLibrary(): string {
  const roots = ['/usr/lib', '/usr/lib64', '/usr/local/lib'].filter((root) => existsSync(root));
  const folders = roots.flatMap((root) => [root, ...readdirSync(root).map((name) => join(root, name))]);
  const found = folders.map((folder) => join(folder, 'faketime', LIBRARY)).find((path) => existsSync(path));
  if (found === undefined)
    throw new Error(`${LIBRARY} was not found under ${roots.join(', ')}: install the package faketime`);
  return found;
}
