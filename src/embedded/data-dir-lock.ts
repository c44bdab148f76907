/** One owner per data dir: two Kafkas or two PostgreSQLs on the same files would ruin them. */
import { InorderError } from '../errors.js';
import { takeOwnerLock } from '../files/owner-lock.js';
import type { DataDir } from './data-dir.js';

/** @returns what gives the lock back. @throws InorderError server_start_failed that names the pid which holds it. */
export function lockDataDir({ lockPath, root }: DataDir): () => void {
  const lock = takeOwnerLock(lockPath);
  switch (lock.kind) {
    case 'owned':
      return lock.release;
    case 'held':
      throw new InorderError(
        'server_start_failed',
        `the servers of ${root} are already run by process ${lock.byPid}: stop it first, or set INORDER_DATA_DIR to another folder`,
      );
    case 'contended':
      throw new InorderError(
        'server_start_failed',
        `${lockPath} changes hands faster than it can be read; start again`,
      );
  }
}
