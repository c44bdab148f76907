/**
 * `<dataDir>/stack.json`: where the running stack is, so that commands in another terminal find it. Written when
 * everything is ready, removed at the stop; a file left by a crash is recognised by its dead process.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { messageOf } from '../errors.js';

const stackShape = z.object({
  brokers: z.array(z.string().min(1)).min(1),
  databaseUrl: z.string().min(1),
  /** Absent where only the servers run. */
  httpUrl: z.string().optional(),
  /** `inorder` is the process that owns the file; `kafka` and `postgres` where they are embedded. */
  pids: z.record(z.string(), z.int().positive()),
});

export type Stack = z.infer<typeof stackShape>;

export type FoundStack =
  | { readonly kind: 'running'; readonly stack: Stack }
  | { readonly kind: 'absent' }
  /** Nobody removed the file, but who wrote it is gone. */
  | { readonly kind: 'stale'; readonly stack: Stack; readonly deadPid: number }
  | { readonly kind: 'unreadable'; readonly reason: string };

export function stackPath(dataDir: string): string {
  return join(dataDir, 'stack.json');
}

export function readStack(dataDir: string, isAlive: (pid: number) => boolean = processIsAlive): FoundStack {
  let text: string;
  try {
    text = readFileSync(stackPath(dataDir), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { kind: 'absent' };
    return { kind: 'unreadable', reason: messageOf(error) };
  }
  const stack = parseStack(text);
  if (typeof stack === 'string') return { kind: 'unreadable', reason: stack };
  const owner = stack.pids['inorder'];
  const mustLive = owner === undefined ? Object.values(stack.pids) : [owner];
  const deadPid = mustLive.find((pid) => !isAlive(pid));
  return deadPid === undefined ? { kind: 'running', stack } : { kind: 'stale', stack, deadPid };
}

function parseStack(text: string): Stack | string {
  try {
    const parsed = stackShape.safeParse(JSON.parse(text));
    if (parsed.success) return parsed.data;
    return parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
  } catch (error) {
    return messageOf(error);
  }
}

/** Atomic: a reader sees the former file or this one, never half of one. Readable by its owner only: it has a password. */
export function writeStack(dataDir: string, stack: Stack): void {
  const path = stackPath(dataDir);
  mkdirSync(dirname(path), { recursive: true });
  const fresh = `${path}.${process.pid}`;
  writeFileSync(fresh, `${JSON.stringify(stack, null, 2)}\n`, { mode: 0o600 });
  renameSync(fresh, path);
}

/** Removes the file if it is still this process's; another stack's is left alone. */
export function removeStack(dataDir: string): void {
  const found = readStack(dataDir, () => true);
  if (found.kind === 'running' && found.stack.pids['inorder'] === process.pid)
    rmSync(stackPath(dataDir), { force: true });
}

export function processIsAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
