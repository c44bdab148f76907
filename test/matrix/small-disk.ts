/** A disk of a test's own that can be filled: a file with a file system in it, mounted. Needs root and loop devices. */
import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../src/errors.js';

/** Sparse: it takes what is written. */
const SIZE_BYTES = 6 * 1024 ** 3;
const CHUNK = Buffer.alloc(1024 * 1024);

export class SmallDisk {
  readonly folder: string;
  readonly #image: string;

  private constructor(folder: string, image: string) {
    this.folder = folder;
    this.#image = image;
  }

  /** @returns why there can be none, where there can't. */
  static make(root: string, name: string): SmallDisk | string {
    const folder = join(root, name);
    const image = join(root, `${name}.image`);
    mkdirSync(folder, { recursive: true });
    if (process.getuid?.() !== 0) return 'only root can mount a disk that is small enough to fill';
    try {
      const file = openSync(image, 'w');
      ftruncateSync(file, SIZE_BYTES);
      closeSync(file);
      execFileSync('mkfs.ext4', ['-q', '-m', '0', '-O', '^has_journal', image], { stdio: 'pipe' });
      execFileSync('mount', ['-o', 'loop', image, folder], { stdio: 'pipe' });
      rmSync(join(folder, 'lost+found'), { recursive: true, force: true });
      return new SmallDisk(folder, image);
    } catch (error) {
      rmSync(image, { force: true });
      return `a small disk could not be mounted: ${messageOf(error).split('\n').at(-1) ?? ''}`;
    }
  }

  /** Takes all that is free, to the last block. @returns how much that was, in bytes. */
  fill(): number {
    const { bavail, bsize } = statfsSync(this.folder);
    const reserve = Math.max(0, bavail * bsize - 64 * 1024 * 1024);
    if (reserve > 0) execFileSync('fallocate', ['-l', String(reserve), this.#ballast], { stdio: 'pipe' });
    const file = openSync(`${this.#ballast}.rest`, 'w');
    let written = reserve;
    try {
      for (;;) written += writeSync(file, CHUNK);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    } finally {
      closeSync(file);
    }
    return written;
  }

  free(): void {
    rmSync(this.#ballast, { force: true });
    rmSync(`${this.#ballast}.rest`, { force: true });
  }

  unmount(): void {
    execFileSync('umount', [this.folder], { stdio: 'pipe' });
    rmSync(this.#image, { force: true });
  }

  get #ballast(): string {
    return join(this.folder, 'ballast');
  }
}
