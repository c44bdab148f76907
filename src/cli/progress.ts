/**
 * What a long piece of work is doing, on standard error: rewritten in place on a terminal, a plain line now and then
 * elsewhere. Work shorter than two seconds says nothing.
 */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface ProgressOptions {
  readonly stream?: ProgressStream;
  readonly nowMs?: () => number;
  /** Silence before the first sign, ms. */
  readonly quietMs?: number;
}

const QUIET_MS = 2_000;
const TERMINAL_EVERY_MS = 200;
const PLAIN_EVERY_MS = 5_000;
const CLEAR_LINE = '\r\u001b[2K';

export class Progress {
  readonly #stream: ProgressStream;
  readonly #nowMs: () => number;
  #nextAtMs: number;
  #isShown = false;

  constructor({ stream = process.stderr, nowMs = () => performance.now(), quietMs = QUIET_MS }: ProgressOptions = {}) {
    this.#stream = stream;
    this.#nowMs = nowMs;
    this.#nextAtMs = nowMs() + quietMs;
  }

  /** Call as often as you like; `text` is asked for only when it is shown. */
  update(text: () => string): void {
    const nowMs = this.#nowMs();
    if (nowMs < this.#nextAtMs) return;
    if (this.#stream.isTTY === true) {
      const width = Math.max(20, (this.#stream.columns ?? 80) - 1);
      this.#stream.write(CLEAR_LINE + text().slice(0, width));
      this.#isShown = true;
      this.#nextAtMs = nowMs + TERMINAL_EVERY_MS;
    } else {
      this.#stream.write(`${text()}\n`);
      this.#nextAtMs = nowMs + PLAIN_EVERY_MS;
    }
  }

  /** Leaves a clean line for what comes next. */
  end(): void {
    if (this.#isShown) this.#stream.write(CLEAR_LINE);
    this.#isShown = false;
  }
}

/** `1234567` as `1,234,567`. */
export function grouped(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}
