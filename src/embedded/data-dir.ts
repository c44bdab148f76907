/**
 * The data dir: what lies where, and what one run of the servers leaves for the next in `servers.json`: the ports
 * (people remember addresses), and the pids in case this run is killed before it can stop them.
 */
import { mkdirSync, readFileSync, realpathSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { InorderError, messageOf } from '../errors.js';

export type ServerName = 'kafka' | 'postgres';

export interface DataDir {
  /** Absolute, links resolved: it is part of the command lines by which a leftover is recognised. */
  readonly root: string;
  readonly lockPath: string;
  /** config and data of a server */
  folder(server: ServerName): string;
  logPath(server: ServerName): string;
}

/** What `servers.json` holds. Everything may be missing: a first start, or a file of another version. */
export interface Remembered {
  readonly ports: Readonly<Partial<Record<'kafka' | 'controller' | 'postgres', number>>>;
  readonly pids: Readonly<Partial<Record<ServerName, number>>>;
}

/** @throws InorderError config_invalid for a path that Kafka can't use, server_start_failed where the folder can't be made. */
export function openDataDir(path: string): DataDir {
  let root: string;
  try {
    mkdirSync(path, { recursive: true });
    root = realpathSync(resolve(path));
  } catch (cause) {
    throw new InorderError('server_start_failed', `the data dir ${path} can't be used: ${messageOf(cause)}`, { cause });
  }
  if (/[,:]/.test(root)) {
    // A comma ends a path in Kafka's list of log dirs, a colon in Java's class path.
    throw new InorderError('config_invalid', `INORDER_DATA_DIR is ${root}; it may hold a path without comma and colon`);
  }
  return {
    root,
    lockPath: join(root, 'servers.lock'),
    folder: (server) => join(root, server),
    logPath: (server) => join(root, `${server}.log`),
  };
}

export function recall(dataDir: DataDir): Remembered {
  let held: unknown;
  try {
    held = JSON.parse(readFileSync(statePath(dataDir), 'utf8'));
  } catch {
    return { ports: {}, pids: {} };
  }
  const { ports, pids } = (held ?? {}) as Partial<Record<keyof Remembered, unknown>>;
  return { ports: wholeNumbers(ports), pids: wholeNumbers(pids) };
}

/** Atomic: a kill leaves the former file or this one. */
export function remember(dataDir: DataDir, remembered: Remembered): void {
  const path = statePath(dataDir);
  writeFileSync(`${path}.new`, `${JSON.stringify(remembered, null, 2)}\n`);
  renameSync(`${path}.new`, path);
}

function statePath(dataDir: DataDir): string {
  return join(dataDir.root, 'servers.json');
}

function wholeNumbers(value: unknown): Record<string, number> {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, number] => Number.isInteger(entry[1]) && entry[1] > 0),
  );
}
