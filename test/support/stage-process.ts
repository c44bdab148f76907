/** `inorder` as a user runs it: a child process of the built command, with real signals and a real exit code. */
import { spawn, type ChildProcess } from 'node:child_process';
import { resolve } from 'node:path';
import { until } from './until.js';

const MAIN = resolve('dist/cli/main.js');
/** Of a process that runs on: its last words are what a failed test needs. */
const KEPT_CHARACTERS = 20_000;

export class InorderProcess {
  readonly #child: ChildProcess;
  readonly exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  stdout = '';
  stderr = '';
  #exited = false;

  constructor(
    args: readonly string[],
    env: Readonly<Record<string, string>>,
    { input, keep = KEPT_CHARACTERS }: { input?: string | undefined; keep?: number } = {},
  ) {
    this.#child = spawn(process.execPath, [MAIN, ...args], {
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], INORDER_HTTP_PORT: '0', ...env },
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    this.#child.stdin?.end(input);
    this.#child.stdout?.on('data', (chunk: Buffer) => (this.stdout = (this.stdout + chunk.toString()).slice(-keep)));
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.stderr = (this.stderr + chunk.toString()).slice(-keep)));
    this.exit = new Promise((done) => {
      this.#child.once('close', (code, signal) => {
        this.#exited = true;
        done({ code, signal });
      });
    });
  }

  /** Calls with every whole line of standard output from now on. */
  onLine(listener: (line: string) => void): void {
    let rest = '';
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      lines.forEach(listener);
    });
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
