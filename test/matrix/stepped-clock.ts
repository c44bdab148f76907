/** A worker's wall clock that steps while it runs, by libfaketime and the file that it reads; the monotonic clock goes on. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const LIBRARY = 'libfaketimeMT.so.1';
const LIBS = ['/usr/lib', '/usr/lib64', '/usr/local/lib'];

export class SteppedClock {
  readonly #library: string;
  #path = '';

  constructor(library: string) {
    this.#library = library;
  }

  /** From now on the clock is told by this file. */
  keepIn(path: string): void {
    this.#path = path;
    this.step(0);
  }

  /** What a process needs to believe in this clock. */
  env(): Record<string, string> {
    return {
      LD_PRELOAD: this.#library,
      FAKETIME_TIMESTAMP_FILE: this.#path,
      FAKETIME_CACHE_DURATION: '1',
      DONT_FAKE_MONOTONIC: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
  }

  step(offsetSeconds: number): void {
    writeFileSync(this.#path, `${offsetSeconds < 0 ? '' : '+'}${offsetSeconds}\n`);
  }
}

/** @returns why clocks can't be stepped, where they can't. */
export function findFaketime(): SteppedClock | string {
  const folders = LIBS.filter((folder) => existsSync(folder)).flatMap((folder) => [
    folder,
    ...readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => join(folder, name)),
  ]);
  for (const folder of folders) {
    for (const path of [join(folder, 'faketime', LIBRARY), join(folder, LIBRARY)]) {
      if (existsSync(path)) return new SteppedClock(path);
    }
  }
  return `no ${LIBRARY} is installed (Debian: apt-get install faketime)`;
}
