/**
 * The one sender of the ingest stage: takes a chunk of what is queued, sends it, and takes the next one only when that
 * was acknowledged.
 *
 * A send that throws is unknown: all of it, some of it or nothing may be in `im.logic`, and a request still on its way
 * may yet be written. The producer is thrown away and the same chunk is sent again by a new one, until a send of it is
 * acknowledged. Nothing is lost, and order holds, for in every partition of `im.logic`:
 * - a chunk is begun only after the one before it was acknowledged whole, so whatever of it arrives, however late and
 *   often, comes after the first appearance of everything before it;
 * - inside a chunk records keep their order; a send that breaks off has written a prefix of what goes to a partition,
 *   and the next one repeats that prefix first;
 * - what arrives after the acknowledged send is a copy of what is there. Lanes drop it by its clientMsgId.
 * A second owner of the partition (this one was suspended, say, or is being replaced) starts at or before the committed
 * offset, and so at or before the first record that was not acknowledged: the same argument, two senders.
 */
import type { Clock } from '../../clock/clock.js';
import { messageOf } from '../../errors.js';
import { failpoint } from '../../failpoint.js';
import type { Log } from '../../observe/log.js';
import { backoffMs, type Backoff } from '../backoff.js';
import type { RecordProducer } from '../ports.js';
import type { Chunk } from './intake.js';
import type { IngestMetrics } from './metrics.js';

export interface SendLoopDeps {
  /** The next chunk, or null when nothing waits; then `wake` is called when something does. */
  readonly take: () => Chunk | null;
  readonly acknowledged: (chunk: Chunk) => void;
  readonly producer: RecordProducer;
  readonly backoff: Backoff;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: IngestMetrics;
}

export class SendLoop {
  readonly #deps: SendLoopDeps;
  readonly #abandoned = new AbortController();
  #finishing = false;
  #wake: (() => void) | null = null;
  #trouble: string | null = null;

  constructor(deps: SendLoopDeps) {
    this.#deps = deps;
  }

  /** Why the last send failed, while it is being repeated; else null. */
  get trouble(): string | null {
    return this.#trouble;
  }

  wake(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }

  /** Begins no more chunks; `run` ends after the one in flight. */
  finish(): void {
    this.#finishing = true;
    this.wake();
  }

  /** Gives up repeating the chunk in flight: its records are not committed, so the next owner sends them. */
  abandon(): void {
    this.finish();
    this.#abandoned.abort();
  }

  /** Sends until `finish`. Rejects on a bug only. */
  async run(): Promise<void> {
    while (!this.#finishing) {
      const chunk = this.#deps.take();
      if (chunk === null) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      } else if (await this.#sendUntilAcknowledged(chunk)) {
        this.#deps.acknowledged(chunk);
      }
    }
  }

  /** False where it was abandoned before an acknowledgement came. */
  async #sendUntilAcknowledged(chunk: Chunk): Promise<boolean> {
    const { producer, backoff, clock, log, metrics } = this.#deps;
    for (let failures = 1; ; failures++) {
      const beganMs = clock.monotonicMs();
      try {
        if (failpoint !== null) await failpoint('ingest.after_fetch');
        await producer.send(chunk.records);
        if (failpoint !== null) await failpoint('ingest.after_send');
        metrics.sent(chunk, clock.monotonicMs() - beganMs);
        if (this.#trouble !== null) log.info('sending works again', { failures: failures - 1 });
        this.#trouble = null;
        return true;
      } catch (error) {
        this.#trouble = messageOf(error);
        metrics.sendFailed();
        log.warn('send outcome unknown, the same records are sent again', {
          recordCount: chunk.records.length,
          byteLength: chunk.byteLength,
          failures,
          error: this.#trouble,
        });
      }
      await this.#reset();
      await clock.sleep(backoffMs(backoff, failures, Math.random()), this.#abandoned.signal);
      if (this.#abandoned.signal.aborted) return false;
    }
  }

  async #reset(): Promise<void> {
    try {
      await this.#deps.producer.reset();
    } catch (error) {
      this.#deps.log.warn('a producer in doubt could not be closed', { error: messageOf(error) });
    }
  }
}
