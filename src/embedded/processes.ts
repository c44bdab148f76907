/**
 * Ending other processes. A pid alone names nobody: the system gives it to the next process, so whoever signals a
 * process from an earlier run looks at what it runs first (files/process-facts.ts).
 */
import type { Clock } from '../clock/clock.js';
import { commandLineOf } from '../files/process-facts.js';

/** How to end a server: each signal in turn, and how long to wait for the process to go before the next one. */
export type StopSteps = readonly { readonly signal: NodeJS.Signals; readonly waitMs: number }[];

const POLL_MS = 50;

/** Sends a signal. @returns false where there was no process to send it to. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/**
 * Ends a server that an earlier run left, if it is ours: its command line must hold `mark`. Resolves when it is gone.
 * @returns whether there was one.
 */
export async function endLeftover(pid: number, mark: string, steps: StopSteps, clock: Clock): Promise<boolean> {
  const isOurs = (): boolean => commandLineOf(pid)?.includes(mark) === true;
  if (!isOurs()) return false;
  for (const step of steps) {
    if (!isOurs() || !signal(pid, step.signal)) break;
    const deadlineMs = clock.monotonicMs() + step.waitMs;
    while (isOurs() && clock.monotonicMs() < deadlineMs) await clock.sleep(POLL_MS);
  }
  return true;
}
