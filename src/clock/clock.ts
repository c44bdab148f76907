import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';

/** Time as the rooms see it; injected, so that tests and the simulation own it. */
export interface Clock {
  /** Wall clock, whole milliseconds since 1970 UTC. May step either way. */
  nowMs(): number;
  /** Milliseconds from an arbitrary origin; never steps. For windows, timeouts and durations. */
  monotonicMs(): number;
  /** Resolves after `ms`, or at once when `signal` aborts. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: async (ms, signal) => {
    try {
      await delay(ms, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      if (signal?.aborted !== true) throw error; // aborted is all that can happen to it
    }
  },
};
