/**
 * One owner per data dir: two Kafkas or two PostgreSQLs on the same files would ruin them. The lock is a file that
 * names its owner by pid and birth; an owner that was killed can't remove it, so who finds it looks whether that
 * process still lives.
 */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { InorderError } from '../errors.js';
import type { DataDir } from './data-dir.js';
import { birthOf } from './processes.js';

interface Owner {
  readonly pid: number;
  readonly birth: string | null;
}

/** Each round ends one race with another start that came or went at the same moment. */
const MAX_ROUNDS = 10;

/** @returns what gives the lock back. @throws InorderError server_start_failed that names the pid which holds it. */
export function lockDataDir(dataDir: DataDir): () => void {
  const { lockPath } = dataDir;
  const own = `${lockPath}.${process.pid}`;
  writeFileSync(own, JSON.stringify({ pid: process.pid, birth: birthOf(process.pid) } satisfies Owner));
  try {
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      if (linkIfAbsent(own, lockPath)) return () => release(lockPath);
      const found = read(lockPath);
      if (found === null) continue;
      if (isAlive(found)) throw heldBy(found, dataDir);
      takeAway(lockPath);
    }
  } finally {
    rmSync(own, { force: true });
  }
  throw new InorderError('server_start_failed', `${lockPath} changes hands faster than it can be read; start again`);
}

/** A link appears whole or not at all: nobody ever reads half a lock. */
function linkIfAbsent(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Removes a dead owner's lock. Renamed and read again first: another start may have put its own there meanwhile. */
function takeAway(lockPath: string): void {
  const aside = `${lockPath}.${process.pid}.dead`;
  try {
    renameSync(lockPath, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const taken = read(aside);
  if (taken !== null && isAlive(taken)) linkIfAbsent(aside, lockPath);
  rmSync(aside, { force: true });
}

function release(lockPath: string): void {
  if (read(lockPath)?.pid === process.pid) rmSync(lockPath, { force: true });
}

/** @returns null where there is no lock. What can't be understood is nobody's: pid 0 never lives. */
function read(path: string): Owner | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  try {
    const { pid, birth } = JSON.parse(text) as Partial<Owner>;
    if (Number.isInteger(pid)) return { pid: pid as number, birth: birth ?? null };
  } catch {
    // not ours, or of another version
  }
  return { pid: 0, birth: null };
}

function isAlive({ pid, birth }: Owner): boolean {
  return pid > 0 && birth !== null && birthOf(pid) === birth;
}

function heldBy({ pid }: Owner, { root }: DataDir): InorderError {
  return new InorderError(
    'server_start_failed',
    `the servers of ${root} are already run by process ${pid}: stop it first, or set INORDER_DATA_DIR to another folder`,
  );
}
