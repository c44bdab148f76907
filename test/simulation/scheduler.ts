import type { Clock } from '../../src/clock/clock.js';

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** Virtual time: events in the order of their time, each run to its end before time goes on. Nothing real is waited for. */
export class Scheduler {
  #nowMs = 0;
  #order = 0;
  readonly #heap: Event[] = [];

  /** Milliseconds since the simulation began. */
  get nowMs(): number {
    return this.#nowMs;
  }

  in(delayMs: number, run: () => void): void {
    const event = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, run };
    const heap = this.#heap;
    heap.push(event);
    for (let at = heap.length - 1; at > 0;) {
      const parent = (at - 1) >> 1;
      if (!isSooner(heap[at]!, heap[parent]!)) break;
      [heap[at], heap[parent]] = [heap[parent]!, heap[at]!];
      at = parent;
    }
  }

  /** Runs what is due until `untilMs`. */
  async runUntil(untilMs: number): Promise<void> {
    await quiet();
    for (let next = this.#heap[0]; next !== undefined && next.atMs <= untilMs; next = this.#heap[0]) {
      this.#nowMs = next.atMs;
      this.#pop();
      next.run();
      await quiet();
    }
    this.#nowMs = untilMs;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    heap[0] = last;
    for (let at = 0; ;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < heap.length && isSooner(heap[child]!, heap[least]!)) least = child;
      }
      if (least === at) return;
      [heap[at], heap[least]] = [heap[least]!, heap[at]!];
      at = least;
    }
  }
}

function isSooner(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** Resolves when every promise that could go on has: they all do before the event loop turns. */
function quiet(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** When the simulation begins, by a clock that is right. */
export const START_MS = Date.UTC(2026, 0, 1);

/** A process of the pipeline: it can be frozen and killed, and its clock may be wrong. */
export class SimProcess {
  readonly clock: Clock;
  isAlive = true;
  clockErrorMs = 0;
  #frozenUntilMs = 0;
  readonly #scheduler: Scheduler;

  constructor(
    scheduler: Scheduler,
    readonly name: string,
  ) {
    this.#scheduler = scheduler;
    const originMs = scheduler.nowMs; // as a process's own, it begins with the process
    this.clock = {
      nowMs: () => Math.floor(START_MS + scheduler.nowMs + this.clockErrorMs),
      monotonicMs: () => scheduler.nowMs - originMs,
      sleep: (ms, signal) => this.#sleep(ms, signal),
    };
  }

  /** SIGSTOP: nothing reaches it until then. */
  freeze(forMs: number): void {
    this.#frozenUntilMs = Math.max(this.#frozenUntilMs, this.#scheduler.nowMs + forMs);
  }

  get isFrozen(): boolean {
    return this.#scheduler.nowMs < this.#frozenUntilMs;
  }

  thaw(): void {
    this.#frozenUntilMs = 0;
  }

  /** Something reaches the process after `delayMs`, if it still lives; later, if it is frozen. */
  reach(delayMs: number, run: () => void): void {
    this.#scheduler.in(delayMs, () => {
      if (!this.isAlive) return;
      if (this.isFrozen) this.reach(50, run);
      else run();
    });
  }

  async #sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        signal?.removeEventListener('abort', done);
        resolve();
      };
      signal?.addEventListener('abort', done, { once: true });
      this.reach(ms, done);
    });
  }
}
