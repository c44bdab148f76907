/** `inorder` as a user runs it: a child process of the built command, with real signals and a real exit code. */
import { spawn, type ChildProcess } from 'node:child_process';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { until } from './until.js';

const MAIN = resolve('dist/cli/main.js');
/** Of a process that runs on: its last words are what a failed test needs. */
const KEPT_CHARACTERS = 20_000;

interface ProcessOptions {
  readonly input?: string | undefined;
  /** Characters of output that are kept; the last ones. */
  readonly keep?: number;
  /** The process's wall clock is wrong by this much; its monotonic clock isn't, as on a machine with a bad clock. */
  readonly clockOffsetMs?: number;
}

/** Arguments for node that load a few lines before anything else. */
function shiftedClock(offsetMs: number): string[] {
  if (offsetMs === 0) return [];
  const patch = `const now = Date.now; Date.now = () => now() + (${offsetMs});`;
  return ['--import', `data:text/javascript,${encodeURIComponent(patch)}`];
}

export class InorderProcess {
  readonly #child: ChildProcess;
  readonly exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  stdout = '';
  stderr = '';
  #exited = false;

  constructor(
    args: readonly string[],
    env: Readonly<Record<string, string>>,
    { input, keep = KEPT_CHARACTERS, clockOffsetMs = 0 }: ProcessOptions = {},
  ) {
    this.#child = spawn(process.execPath, [...shiftedClock(clockOffsetMs), MAIN, ...args], {
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], INORDER_HTTP_PORT: '0', ...env },
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    this.#child.stdin?.end(input);
    // Decoded by the stream: a character cut at a chunk's border must not become two broken ones.
    this.#child.stdout?.setEncoding('utf8');
    this.#child.stderr?.setEncoding('utf8');
    this.#child.stdout?.on('data', (chunk: string) => (this.stdout = (this.stdout + chunk).slice(-keep)));
    this.#child.stderr?.on('data', (chunk: string) => (this.stderr = (this.stderr + chunk).slice(-keep)));
    this.exit = new Promise((done) => {
      this.#child.once('close', (code, signal) => {
        this.#exited = true;
        done({ code, signal });
      });
    });
  }

  /** Calls with every whole line of standard output from now on. */
  onLine(listener: (line: string) => void): void {
    eachLine(this.#child.stdout, listener);
  }

  /** Calls with every whole line of standard error from now on. */
  onLogLine(listener: (line: string) => void): void {
    eachLine(this.#child.stderr, listener);
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get exited(): boolean {
    return this.#exited;
  }

  /** Waits for words in what the process printed. */
  async printed(pattern: RegExp, timeoutMs = 30_000): Promise<void> {
    await until(
      `${pattern} in the output of pid ${this.pid}`,
      () => {
        const output = this.stdout + this.stderr;
        if (this.#exited && !pattern.test(output)) throw new Error(`ended before it printed ${pattern}:\n${output}`);
        return pattern.test(output);
      },
      timeoutMs,
    );
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.#exited) this.#child.kill(signal);
  }

  /** SIGKILL, and gone when it resolves. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.exit;
  }

  /** SIGTERM, and its exit code. */
  async stop(): Promise<number | null> {
    this.signal('SIGTERM');
    return (await this.exit).code;
  }
}

function eachLine(stream: Readable | null, listener: (line: string) => void): void {
  let rest = '';
  stream?.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    lines.forEach(listener);
  });
}

/** Runs a command to its end and returns what it printed; throws where it failed. */
export async function inorder(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  input?: string,
): Promise<string> {
  const child = new InorderProcess(args, env, { input, keep: Number.MAX_SAFE_INTEGER });
  const { code } = await child.exit;
  if (code !== 0) throw new Error(`inorder ${args.join(' ')} ended with ${code}:\n${child.stdout}${child.stderr}`);
  return child.stdout;
}
