import { spawn, type ChildProcess } from 'node:child_process';
import { InorderError } from '../errors.js';

const STOP_LIMIT_MS = 20_000;

/** A process of `inorder` that the bench measures. */
export interface BenchChild {
  readonly name: string;
  readonly pid: number;
  /** Resolves with what it printed. @throws InorderError where it failed */
  readonly done: Promise<string>;
  /** SIGTERM, and SIGKILL for one that doesn't end. */
  stop(): Promise<void>;
}

/** @param mainPath the built `cli/main.js` */
export function startChild(
  name: string,
  mainPath: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): BenchChild {
  const child = spawn(process.execPath, [mainPath, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let complaints = '';
  child.stdout.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-10_000)));
  child.stderr.on('data', (chunk: Buffer) => (complaints = (complaints + chunk.toString()).slice(-10_000)));
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
  const done = closed.then((code) => {
    if (code === 0) return output;
    throw new InorderError('server_start_failed', `${name} ended with ${code}: ${complaints.trim().slice(-500)}`);
  });
  done.catch(() => undefined); // who waits for it hears of it; a child that is being stopped may end as it likes
  return { name, pid: child.pid ?? -1, done, stop: () => stop(child, closed) };
}

async function stop(child: ChildProcess, closed: Promise<unknown>): Promise<void> {
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
  await closed;
  clearTimeout(force);
}
