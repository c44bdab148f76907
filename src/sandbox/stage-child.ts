/** A process of `inorder` that belongs to a run of ours: the stages of a bench or a demo. */
import { spawn, type ChildProcess } from 'node:child_process';
import { InorderError } from '../errors.js';

const STOP_LIMIT_MS = 20_000;
const KEPT_CHARACTERS = 10_000;

export interface StageChild {
  readonly name: string;
  readonly pid: number;
  /** Resolves with what it printed. @throws InorderError where it failed */
  readonly done: Promise<string>;
  /** Resolves with its exit code when it ended; null where a signal ended it. */
  readonly exitCode: Promise<number | null>;
  /** Resolves when what it logs matches. @throws InorderError where it ends before, or the limit is over */
  logged(pattern: RegExp, limitMs: number): Promise<void>;
  /** SIGTERM, and SIGKILL for one that doesn't end. */
  stop(): Promise<void>;
  /** SIGKILL; it is gone when this resolves. */
  kill(): Promise<void>;
}

/** @param mainPath the built `cli/main.js` */
export function startChild(
  name: string,
  mainPath: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): StageChild {
  const child = spawn(process.execPath, [mainPath, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let complaints = '';
  const listeners = new Set<() => void>();
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output = (output + chunk).slice(-KEPT_CHARACTERS)));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    complaints = (complaints + chunk).slice(-KEPT_CHARACTERS);
    for (const listener of listeners) listener();
  });
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
  const failure = (code: number | null): InorderError =>
    new InorderError('server_start_failed', `${name} ended with ${code}: ${complaints.trim().slice(-500)}`);
  const done = closed.then((code) => {
    if (code === 0) return output;
    throw failure(code);
  });
  done.catch(() => undefined); // who waits for it hears of it; a child that is being stopped may end as it likes
  const logged = (pattern: RegExp, limitMs: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        listeners.delete(look);
        clearTimeout(timer);
        settle();
      };
      const look = (): void => {
        if (pattern.test(complaints)) end(resolve);
      };
      const timer = setTimeout(() => {
        const message = `${name} was not ready after ${limitMs / 1_000} s: ${complaints.trim().slice(-500)}`;
        end(() => reject(new InorderError('server_start_failed', message)));
      }, limitMs);
      listeners.add(look);
      look();
      void closed.then((code) => end(() => reject(failure(code))));
    });
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await closed;
  };
  return { name, pid: child.pid ?? -1, done, exitCode: closed, logged, stop: () => stop(child, closed), kill };
}

async function stop(child: ChildProcess, closed: Promise<unknown>): Promise<void> {
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
  await closed;
  clearTimeout(force);
}
