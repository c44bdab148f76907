/** A disk that fails on command: at its n-th operation, or at every one, before or after having done half of it. */
import { systemDisk, type SequenceDisk } from '../../src/client/node/sequence-disk.js';

export class FailingDisk implements SequenceDisk {
  /** Operations that may still succeed; then the next ones fail, until it is set again. */
  operationsLeft = Number.POSITIVE_INFINITY;
  operationCount = 0;

  read(path: string, maxBytes: number): string | null {
    return this.#attempt(() => systemDisk.read(path, maxBytes));
  }
  writeAside(path: string, text: string): number {
    return this.#attempt(() => systemDisk.writeAside(path, text));
  }
  putInPlace(path: string): void {
    this.#attempt(() => systemDisk.putInPlace(path));
  }
  rename(from: string, to: string): void {
    this.#attempt(() => systemDisk.rename(from, to));
  }
  open(path: string): number {
    return this.#attempt(() => systemDisk.open(path));
  }
  /** A disk that fills up takes the first half. */
  write(fd: number, text: string, position: number): void {
    this.#attempt(
      () => systemDisk.write(fd, text, position),
      () => systemDisk.write(fd, text.slice(0, text.length / 2), position),
    );
  }
  truncate(fd: number, byteCount: number): void {
    this.#attempt(() => systemDisk.truncate(fd, byteCount));
  }
  sync(fd: number): void {
    this.#attempt(() => systemDisk.sync(fd));
  }
  close(fd: number): void {
    systemDisk.close(fd);
  }

  #attempt<T>(operation: () => T, half?: () => void): T {
    this.operationCount += 1;
    this.operationsLeft -= 1;
    if (this.operationsLeft >= 0) return operation();
    half?.();
    throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
  }
}
