/**
 * Ctrl-C and SIGTERM: the first asks for a clean stop, a later one means "now!".
 *
 * Under npm a terminal's Ctrl-C arrives twice at once (from the terminal's process group and from npm), so a second
 * one counts only a second or more after the first.
 */
import type { EventEmitter } from 'node:events';

export const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
export type StopSignalName = (typeof STOP_SIGNALS)[number];

const SECOND_COUNTS_AFTER_MS = 1_000;

export interface StopRequest {
  /** Aborts at the first signal. */
  readonly signal: AbortSignal;
  /** The signal that came first; null until one came. */
  readonly cause: StopSignalName | null;
  /** Ends the watching: signals do again what they do by default. */
  release(): void;
}

export interface StopWatch {
  /** Called once for the second signal that counts. */
  readonly onForce: (name: StopSignalName) => void;
  readonly emitter?: Pick<EventEmitter, 'on' | 'off'>;
  readonly monotonicMs?: () => number;
}

export function watchStopSignals({
  onForce,
  emitter = process,
  monotonicMs = () => performance.now(),
}: StopWatch): StopRequest {
  const controller = new AbortController();
  let cause: StopSignalName | null = null;
  let firstAtMs = 0;
  let isForced = false;
  const listeners = STOP_SIGNALS.map((name) => {
    const listener = (): void => {
      if (cause === null) {
        cause = name;
        firstAtMs = monotonicMs();
        controller.abort();
      } else if (!isForced && monotonicMs() - firstAtMs >= SECOND_COUNTS_AFTER_MS) {
        isForced = true;
        onForce(name);
      }
    };
    emitter.on(name, listener);
    return { name, listener };
  });
  return {
    signal: controller.signal,
    get cause() {
      return cause;
    },
    release: () => {
      for (const { name, listener } of listeners) emitter.off(name, listener);
    },
  };
}

/** What a shell reports for a process that a signal ended. */
export function exitCodeOf(name: StopSignalName): number {
  return 128 + { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }[name];
}
