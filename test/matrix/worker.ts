/** A stage as a process that is started again whenever it dies, as a supervisor would; its log lines are counted. */
import { InorderProcess } from '../support/stage-process.js';
import type { Stage } from './schedule.js';

const RESTART_AFTER_MS = 250;
const LONGEST_RESTART_MS = 5_000;
/** One that lived this long had started well. */
const LIVED_MS = 8_000;
const STOP_LIMIT_MS = 20_000;

export interface WorkerReports {
  /** A failpoint did what it was armed to do. */
  readonly hit: (name: string) => void;
  /** A line that says that something is wrong for good: a lane that halted, say. */
  readonly erred: (worker: Worker, line: string) => void;
  /** A process ended by itself: with a code, or by a signal that was not ours. */
  readonly ended: (worker: Worker, how: string, lastWords: string) => void;
  readonly printed?: (line: string) => void;
}

export class Worker {
  readonly name: string;
  readonly stage: Stage;
  readonly #env: Readonly<Record<string, string>>;
  readonly #reports: WorkerReports;
  #extra: Readonly<Record<string, string>> = {};
  #process: InorderProcess | null = null;
  #isWanted = false;
  #isOurKill = false;
  #deathsInARow = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(name: string, stage: Stage, env: Readonly<Record<string, string>>, reports: WorkerReports) {
    this.name = name;
    this.stage = stage;
    this.#env = env;
    this.#reports = reports;
  }

  /** Undefined while it is dead. */
  get pid(): number | undefined {
    return this.#process?.exited === false ? this.#process.pid : undefined;
  }

  start(extra: Readonly<Record<string, string>> = {}): void {
    this.#isWanted = true;
    this.#extra = extra;
    if (this.#process === null) this.#launch();
  }

  /** kill -9; the supervisor starts it again. */
  kill(): void {
    this.#isOurKill = true;
    this.#process?.signal('SIGKILL');
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.signal(signal);
  }

  /** A clean stop, and another environment from the next life on. */
  async restartWith(extra: Readonly<Record<string, string>>): Promise<void> {
    await this.stop();
    this.start(extra);
  }

  /** SIGTERM, and SIGKILL for one that doesn't heed it. */
  async stop(): Promise<void> {
    this.#isWanted = false;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const process = this.#process;
    if (process === null) return;
    process.signal('SIGCONT');
    process.signal('SIGTERM');
    const forced = setTimeout(() => this.kill(), STOP_LIMIT_MS);
    await process.exit;
    clearTimeout(forced);
  }

  #launch(): void {
    this.#timer = null;
    this.#isOurKill = false;
    const started = new InorderProcess(['run', this.stage, '--no-pretty'], { ...this.#env, ...this.#extra });
    const bornMs = performance.now();
    this.#process = started;
    started.onLogLine((line) => {
      const [, name] = /"failpoint":"([\w.]+)","action"/.exec(line) ?? [];
      if (name !== undefined) this.#reports.hit(name);
      if (line.includes('"level":"error"')) this.#reports.erred(this, line);
    });
    if (this.#reports.printed !== undefined) started.onLine(this.#reports.printed);
    void started.exit.then(({ code, signal }) => {
      this.#process = null;
      const isArmed = this.#extra['INORDER_FAILPOINTS'] !== undefined && signal === 'SIGKILL';
      // One that was only just starting has no handler yet for the signal that stops it.
      const isStopped = !this.#isWanted && (code === 0 || signal === 'SIGTERM');
      if (!this.#isOurKill && !isArmed && !isStopped) {
        this.#reports.ended(this, signal ?? `code ${code}`, lastWordsOf(started.stderr));
      }
      this.#deathsInARow = performance.now() - bornMs < LIVED_MS ? this.#deathsInARow + 1 : 0;
      const waitMs = Math.min(LONGEST_RESTART_MS, RESTART_AFTER_MS * 2 ** this.#deathsInARow);
      if (this.#isWanted) this.#timer = setTimeout(() => this.#launch(), waitMs);
    });
  }
}

/** The last lines that say more than that things go on. */
function lastWordsOf(log: string): string {
  const lines = log.trimEnd().split('\n');
  return (
    lines
      .filter((line) => !/"level":"info"|^Node\.js v/.test(line))
      .at(-1)
      ?.slice(0, 400) ?? ''
  );
}
