/**
 * Reads `im.delivery` all the time, as a stranger would (kcat, read_committed, around the gates): how many arrive in
 * each second, and how long they took from the append to `im.ingest` until here. What it saw is written down for the
 * checker, which holds it against the topic.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { createInterface } from 'node:readline';

export interface Sample {
  /** By the clock of the timeline. */
  readonly second: number;
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const AGAIN_AFTER_MS = 500;

/** What the reader is handed: partition, offset, and the first fields of the record. */
const LINE = /^(\d+) (\d+) \{"conversationId":("(?:[^"\\]|\\.)*"),"seq":(\d+),"msgId":"(\d+)".*?"receivedAt":(\d+),/;

export class DeliveryWatch {
  /** JSON lines as `inorder check --readers` takes them. */
  readonly path: string;
  readonly #observations: WriteStream;
  readonly #brokers: string;
  readonly #topic: string;
  readonly #nowMs: () => number;
  readonly #nextOffsets = new Map<number, number>();
  readonly #latencies = new Map<number, number[]>();
  #child: ChildProcess | null = null;
  #stopped = false;
  #timer: NodeJS.Timeout | null = null;
  #count = 0;
  /** Each start of the reader begins anew. */
  #starts = 0;

  /** @param nowMs the time of the timeline, in which samples are told. */
  constructor(brokers: string, topic: string, path: string, nowMs: () => number) {
    this.path = path;
    this.#observations = createWriteStream(path);
    this.#nowMs = nowMs;
    this.#brokers = brokers;
    this.#topic = topic;
    this.#launch();
  }

  /** Different records seen so far. */
  get count(): number {
    return this.#count;
  }

  /** Every second of the timeline until now, those without a delivery too. */
  samples(): Sample[] {
    return Array.from({ length: Math.floor(this.#nowMs() / 1000) }, (_, second) => {
      const sorted = [...(this.#latencies.get(second) ?? [])].sort((a, b) => a - b);
      const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
      return { second, count: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99) };
    });
  }

  /** Resolves when all that was seen so far is in the file. */
  async written(): Promise<void> {
    await new Promise<void>((done, fail) => this.#observations.write('', (error) => (error ? fail(error) : done())));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    const child = this.#child;
    if (child !== null) {
      const ended = new Promise((resolve) => child.once('close', resolve));
      child.kill('SIGKILL');
      await ended;
    }
    await new Promise<void>((done) => this.#observations.end(done));
  }

  #launch(): void {
    const options = ['-q', '-u', '-o', 'beginning', '-X', 'isolation.level=read_committed'];
    // A broker that is down is no news here, and is met again soon.
    const patience = ['-X', 'reconnect.backoff.max.ms=500', '-X', 'log_level=0'];
    const args = ['-C', '-b', this.#brokers, '-t', this.#topic, ...options, ...patience, '-f', '%p %o %s\n'];
    const child = spawn('kcat', args, { stdio: ['ignore', 'pipe', 'ignore'] });
    this.#child = child;
    this.#starts += 1;
    createInterface({ input: child.stdout }).on('line', (line) => this.#take(line));
    child.once('error', () => undefined);
    child.once('close', () => {
      this.#child = null;
      if (!this.#stopped) this.#timer = setTimeout(() => this.#launch(), AGAIN_AFTER_MS);
    });
  }

  #take(line: string): void {
    const [, partition, offset, conversation, seq, msgId, received] = LINE.exec(line) ?? [];
    if (partition === undefined) return;
    const seen = `"partition":${partition},"offset":${offset},"conversationId":${conversation},"seq":${seq},"msgId":"${msgId}"`;
    this.#observations.write(`{"reader":"kcat","group":"kcat","assignment":${this.#starts},${seen}}\n`);
    if (Number(offset) < (this.#nextOffsets.get(Number(partition)) ?? 0)) return;
    this.#nextOffsets.set(Number(partition), Number(offset) + 1);
    this.#count += 1;
    const second = Math.floor(this.#nowMs() / 1000);
    const latencies = this.#latencies.get(second) ?? [];
    latencies.push(Date.now() - Number(received));
    this.#latencies.set(second, latencies);
  }
}
