/**
 * One owner per file or folder, as a lock that dies with its process: a file that names its owner by pid and birth. An
 * owner that was killed can't remove it, so who finds it looks whether that process still lives.
 *
 * Holds among the processes of one machine that see each other. Across machines, or containers that share a folder,
 * nobody can look: what is locked must bear that, or say that it doesn't.
 */
import { randomBytes } from 'node:crypto';
import { linkSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { birthOf } from './process-facts.js';

export type OwnerLock =
  /** `release` gives it back; what another took meanwhile stays. */
  | { readonly kind: 'owned'; readonly release: () => void }
  | { readonly kind: 'held'; readonly byPid: number }
  /** It changes hands faster than it can be read. */
  | { readonly kind: 'contended' };

interface Owner {
  readonly pid: number;
  readonly birth: string | null;
}

/** Each round ends one race with another start that came or went at the same moment. */
const MAX_ROUNDS = 10;

/** @throws what the file system throws: a folder that is missing, or may not be written. */
export function takeOwnerLock(lockPath: string): OwnerLock {
  const own = `${lockPath}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    writeFileSync(own, JSON.stringify({ pid: process.pid, birth: birthOf(process.pid) } satisfies Owner));
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      if (linkIfAbsent(own, lockPath)) {
        removeAbandoned(lockPath);
        return { kind: 'owned', release: () => release(lockPath) };
      }
      const found = read(lockPath);
      if (found === null) continue;
      if (isAlive(found)) return { kind: 'held', byPid: found.pid };
      takeAway(lockPath, `${own}.dead`);
    }
  } finally {
    rmSync(own, { force: true });
  }
  return { kind: 'contended' };
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
function takeAway(lockPath: string, aside: string): void {
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

/** What processes left that were killed while they took the lock. */
function removeAbandoned(lockPath: string): void {
  const prefix = `${basename(lockPath)}.`;
  for (const name of readdirSync(dirname(lockPath))) {
    const pid = name.startsWith(prefix) ? /^(\d+)\./.exec(name.slice(prefix.length))?.[1] : undefined;
    if (pid === undefined || birthOf(Number(pid)) !== null) continue;
    rmSync(join(dirname(lockPath), name), { force: true });
  }
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
