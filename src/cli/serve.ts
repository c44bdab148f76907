/**
 * The life of a process that runs until it is told to stop: start, wait, close in reverse order. Exit code 0 after a
 * clean stop; what failed is thrown, for main.ts to say as the last line.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { InorderError } from '../errors.js';
import type { Log } from '../observe/log.js';
import { note } from './output.js';
import { Resources } from './resources.js';
import { exitCodeOf, watchStopSignals } from './signals.js';

export interface Service {
  /** Resolves if it can't go on. */
  readonly failed: Promise<InorderError>;
}

export interface ServeOptions {
  readonly log: Log;
  /** After this long the stop is given up: what was begun is aborted, and replayed by the next owner. */
  readonly shutdownTimeoutMs: number;
  /** Opens everything, remembering each in `resources`; `stop` aborts when a stop is asked for meanwhile. */
  readonly start: (resources: Resources, stop: AbortSignal) => Promise<Service>;
}

/** Closers have deadlines of their own, so that they can end things well; this one is behind them. */
const GRACE_MS = 3_000;
const GAVE_UP_EXIT_CODE = 1;

/** @throws InorderError when the start or the service failed */
export async function serve({ log, shutdownTimeoutMs, start }: ServeOptions): Promise<void> {
  const stop = watchStopSignals({
    onForce: (name) => {
      note(`${name} again: stopping at once`);
      process.exit(exitCodeOf(name));
    },
  });
  const resources = new Resources(log);
  const stopped = new Promise<unknown>((resolve) => {
    stop.signal.addEventListener('abort', () => {
      log.info('stopping: what was begun is finished (the signal again after a second stops at once)', {
        signal: stop.cause,
      });
      resolve('stopped');
    });
  });
  // Settles with what ended it; a start that is cut short may still fail on what was closed under it: not news.
  const failed = start(resources, stop.signal).then(
    (service) => service.failed,
    (error: unknown) => error,
  );
  const outcome = await Promise.race([stopped, failed]);
  // Watched to the very end: npm's second SIGINT may come when everything is closed, and must not make it a failure.
  await closeInTime(resources, shutdownTimeoutMs + GRACE_MS);
  if (outcome !== 'stopped') throw outcome;
  log.info('stopped');
}

async function closeInTime(resources: Resources, withinMs: number): Promise<void> {
  const deadline = new AbortController();
  const late = delay(withinMs, 'late' as const, { signal: deadline.signal, ref: false });
  const outcome = await Promise.race([resources.closeAll(), late]);
  late.catch(() => undefined);
  deadline.abort();
  if (outcome !== 'late') return;
  note(
    `error: the stop took longer than ${withinMs} ms and was given up; what was begun is replayed at the next start`,
  );
  process.exit(GAVE_UP_EXIT_CODE);
}
