/**
 * Replacing a file whole: who reads it, after whatever crash, reads all of the old text or all of the new. Write aside
 * and put in place, in this order; only one process at a time may do so for a path.
 */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Writes and syncs `<path>.tmp`; `path` stands as it was. @returns the descriptor of the new file; close it.
 * @throws what the file system throws, with nothing left aside
 */
export function writeAside(path: string, text: string): number {
  const fd = openSync(aside(path), 'w');
  try {
    writeWhole(fd, Buffer.from(text, 'utf8'), 0);
    fsyncSync(fd);
  } catch (error) {
    closeSync(fd);
    rmSync(aside(path), { force: true });
    throw error;
  }
  return fd;
}

/** Renames and syncs the folder: on return it survives a power cut. @throws what the file system throws: either stands */
export function putInPlace(path: string): void {
  renameSync(aside(path), path);
  syncFolder(dirname(path));
}

/** Writes all bytes at `position`; a disk that fills up takes some of them first. @throws what the file system throws */
export function writeWhole(fd: number, bytes: Buffer, position: number): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(fd, bytes, done, bytes.length - done, position + done);
}

function aside(path: string): string {
  return `${path}.tmp`;
}

/** Windows opens no folders, and its renames need none of this. */
function syncFolder(folder: string): void {
  if (process.platform === 'win32') return;
  const fd = openSync(folder, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
