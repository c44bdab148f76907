/**
 * One server's life: started, watched, started again when it dies, stopped.
 *
 *   starting ──▶ running ──▶ restarting ──▶ running
 *      │            │             │
 *      ▼            ▼             ▼
 *    (throws)    stopped       failed     too many deaths in a row: the owner is told, once
 */
import type { Clock } from '../clock/clock.js';
import { InorderError, messageOf } from '../errors.js';
import type { Log } from '../observe/log.js';
import { keep, type KeptServer, type RunAs } from './keeper.js';
import { endLeftover, type StopSteps } from './processes.js';
import { openServerLog, readServerLog, tailOf } from './server-log.js';
import type { ServerName } from './data-dir.js';

/** A server, ready to be started. */
export interface ServerPlan {
  readonly name: ServerName;
  /** For people: "Kafka", "PostgreSQL". */
  readonly title: string;
  readonly port: number;
  readonly command: readonly string[];
  /** A part of the command line that no other process has. */
  readonly mark: string;
  readonly runAs: RunAs | null;
  readonly logPath: string;
  readonly stopSteps: StopSteps;
  readonly startTimeoutMs: number;
  /** Whether it takes clients now. `log`: what it has logged since its start. */
  isReady(pid: number, log: string): boolean;
}

export interface SuperviseOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly restartOnCrash: boolean;
  readonly onProgress: (line: string) => void;
  /** The server has a process; not ready yet. */
  readonly onSpawn: (pid: number) => void;
  /** The server died, is another process now, and takes clients again. */
  readonly onChange: () => void;
  /** The server is dead and stays dead. */
  readonly onFailure: (error: InorderError) => void;
  readonly signal?: AbortSignal | undefined;
}

const POLL_MS = 50;
const PROGRESS_EVERY_MS = 1_000;
/** Waits before each try to start it again; when they are used up, the server is given up. */
const RESTART_DELAYS_MS = [0, 500, 1_000, 2_000, 4_000, 8_000] as const;
/** A server that lived this long has recovered: its next death is the first in a row again. */
const RECOVERED_AFTER_MS = 10_000;
/** Beyond the steps of the stop themselves: for the keeper to notice and to end. */
const KEEPER_MARGIN_MS = 3_000;

export class Supervisor {
  readonly #plan: ServerPlan;
  readonly #options: SuperviseOptions;
  readonly #log: Log;
  readonly #stopping = new AbortController();
  #kept: KeptServer | null = null;
  #watching: Promise<void> = Promise.resolve();
  #deathsInARow = 0;

  private constructor(plan: ServerPlan, options: SuperviseOptions) {
    this.#plan = plan;
    this.#options = options;
    this.#log = options.log.child({ server: plan.name });
  }

  /** Resolves when the server takes clients. @throws InorderError server_start_failed with the end of its log. */
  static async start(plan: ServerPlan, options: SuperviseOptions): Promise<Supervisor> {
    const supervisor = new Supervisor(plan, options);
    const kept = await supervisor.#launch(options.signal);
    supervisor.#watching = supervisor.#watch(kept);
    return supervisor;
  }

  /** undefined while it is dead. */
  get pid(): number | undefined {
    return this.#kept?.pid;
  }

  /** Ends the server, by force where it takes too long; leaves no process. Idempotent. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    if (this.#kept !== null) await this.#end(this.#kept);
    await this.#watching;
  }

  async #launch(signal?: AbortSignal): Promise<KeptServer> {
    const { plan, clock } = { plan: this.#plan, clock: this.#options.clock };
    const startedAtMs = clock.monotonicMs();
    const output = openServerLog(plan.logPath);
    let kept: KeptServer;
    try {
      const { command, runAs, stopSteps } = plan;
      kept = await keep({ command, runAs, stopSteps, logFd: output.fd });
    } finally {
      output.close();
    }
    this.#kept = kept;
    this.#options.onSpawn(kept.pid);
    try {
      await this.#untilReady(kept, startedAtMs, signal);
    } catch (error) {
      await this.#end(kept);
      this.#kept = null;
      throw error;
    }
    const tookMs = Math.round(clock.monotonicMs() - startedAtMs);
    this.#log.info('embedded server ready', { serverPid: kept.pid, port: plan.port, tookMs });
    return kept;
  }

  async #untilReady(kept: KeptServer, startedAtMs: number, signal?: AbortSignal): Promise<void> {
    const { plan, clock } = { plan: this.#plan, clock: this.#options.clock };
    const fate: { ended?: string } = {};
    void kept.ended.then((how) => (fate.ended = how));
    let toldAtMs = startedAtMs;
    while (true) {
      // First: a stop that came while the process was being made has not ended it.
      signal?.throwIfAborted();
      if (plan.isReady(kept.pid, readServerLog(plan.logPath))) return;
      const elapsedMs = clock.monotonicMs() - startedAtMs;
      if (fate.ended !== undefined) throw this.#startFailed(`it ${fate.ended}`);
      if (elapsedMs > plan.startTimeoutMs) throw this.#startFailed(`not ready after ${plan.startTimeoutMs / 1_000} s`);
      if (clock.monotonicMs() - toldAtMs >= PROGRESS_EVERY_MS) {
        toldAtMs = clock.monotonicMs();
        this.#options.onProgress(`${plan.title} is starting (${Math.round(elapsedMs / 1_000)} s)`);
      }
      await clock.sleep(POLL_MS, signal);
    }
  }

  #startFailed(what: string): InorderError {
    const { title, logPath } = this.#plan;
    const tail = tailOf(readServerLog(logPath));
    return new InorderError('server_start_failed', `${title} did not start: ${what}. The end of ${logPath}:\n${tail}`);
  }

  /** Sees the server die, again and again, until it is stopped or given up. Never rejects. */
  async #watch(first: KeptServer): Promise<void> {
    const { clock, restartOnCrash, onFailure, onChange } = this.#options;
    let kept = first;
    while (true) {
      const bornAtMs = clock.monotonicMs();
      const how = await kept.ended;
      // A keeper that was killed can't end its server any more.
      await this.#endForSure(kept);
      this.#kept = null;
      if (this.#isStopping()) return;
      this.#log.warn('embedded server died', { serverPid: kept.pid, how });
      if (clock.monotonicMs() - bornAtMs >= RECOVERED_AFTER_MS) this.#deathsInARow = 0;
      if (!restartOnCrash) return onFailure(this.#givenUp(`it ${how}`));
      const again = await this.#startAgain();
      if (again === null) return;
      kept = again;
      onChange();
    }
  }

  /** @returns null where it was stopped or given up meanwhile. */
  async #startAgain(): Promise<KeptServer | null> {
    let last = 'it died again and again';
    while (this.#deathsInARow < RESTART_DELAYS_MS.length) {
      await this.#options.clock.sleep(RESTART_DELAYS_MS[this.#deathsInARow] ?? 0, this.#stopping.signal);
      if (this.#isStopping()) return null;
      this.#deathsInARow += 1;
      try {
        return await this.#launch(this.#stopping.signal);
      } catch (error) {
        if (this.#isStopping()) return null;
        last = messageOf(error);
        this.#log.warn('embedded server did not start again', { reason: last, tries: this.#deathsInARow });
      }
    }
    this.#options.onFailure(this.#givenUp(last));
    return null;
  }

  #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  #givenUp(why: string): InorderError {
    const error = new InorderError('server_start_failed', `${this.#plan.title} is given up: ${why}`);
    this.#log.error('embedded server given up', { reason: why });
    return error;
  }

  async #end(kept: KeptServer): Promise<void> {
    kept.release();
    const steps = this.#plan.stopSteps.reduce((sum, { waitMs }) => sum + waitMs, 0);
    const inTime = new AbortController();
    await Promise.race([
      kept.ended.then(() => inTime.abort()),
      this.#options.clock.sleep(steps + KEEPER_MARGIN_MS, inTime.signal),
    ]);
    await this.#endForSure(kept);
  }

  async #endForSure({ pid }: KeptServer): Promise<void> {
    const { mark, stopSteps } = this.#plan;
    if (await endLeftover(pid, mark, stopSteps, this.#options.clock)) {
      this.#log.warn('embedded server outlived its keeper and was ended', { serverPid: pid });
    }
  }
}
