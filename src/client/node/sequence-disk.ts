/** What a sequence store asks of the file system; a port, so that tests can fill the disk at every step. */
import { closeSync, fdatasyncSync, ftruncateSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { putInPlace, writeAside, writeWhole } from '../../files/replace-file.js';

/** Every function throws what the file system throws. */
export interface SequenceDisk {
  /** Null where there is no file, and text that nothing accepts where it is larger than `maxBytes`. */
  read(path: string, maxBytes: number): string | null;
  /** Two steps: see files/replace-file.ts. */
  writeAside(path: string, text: string): number;
  putInPlace(path: string): void;
  rename(from: string, to: string): void;
  open(path: string): number;
  write(fd: number, text: string, position: number): void;
  truncate(fd: number, byteCount: number): void;
  sync(fd: number): void;
  close(fd: number): void;
}

const TOO_LARGE = 'too large';

export const systemDisk: SequenceDisk = {
  read: (path, maxBytes) => {
    try {
      return statSync(path).size > maxBytes ? TOO_LARGE : readFileSync(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  },
  writeAside,
  putInPlace,
  rename: renameSync,
  open: (path) => openSync(path, 'r+'),
  write: (fd, text, position) => writeWhole(fd, Buffer.from(text, 'utf8'), position),
  truncate: ftruncateSync,
  sync: fdatasyncSync,
  close: closeSync,
};
