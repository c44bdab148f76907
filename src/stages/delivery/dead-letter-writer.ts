import type { Clock } from '../../clock/clock.js';
import { messageOf } from '../../errors.js';
import type { Log } from '../../observe/log.js';
import type { OutgoingRecord } from '../../record.js';
import { backoffMs, type Backoff } from '../backoff.js';
import type { RecordProducer } from '../ports.js';

const BACKOFF: Backoff = { initialMs: 50, maxMs: 5_000, jitter: 0.5 };
const MAX_SEND_RECORDS = 100;

interface Waiting {
  readonly record: OutgoingRecord;
  readonly written: (acknowledged: boolean) => void;
}

/**
 * Writes dead letters, one send at a time, again and again until it is acknowledged: a dead letter may be there twice
 * (it names its place), never not at all. While Kafka is away its conversations wait.
 */
export class DeadLetterWriter {
  readonly #deps: { readonly producer: RecordProducer; readonly clock: Clock; readonly log: Log };
  readonly #abandoned = new AbortController();
  #waiting: Waiting[] = [];
  #running = false;
  #trouble: string | null = null;

  constructor(deps: { producer: RecordProducer; clock: Clock; log: Log }) {
    this.#deps = deps;
  }

  /** Why the last send failed, while it is being repeated; else null. */
  get trouble(): string | null {
    return this.#trouble;
  }

  /** True once acknowledged; false where the writer was closed first. Never rejects. */
  write(record: OutgoingRecord): Promise<boolean> {
    return new Promise((written) => {
      this.#waiting.push({ record, written });
      if (!this.#running) void this.#run();
    });
  }

  /** Gives up what is not yet acknowledged. Never rejects. */
  async close(): Promise<void> {
    this.#abandoned.abort();
    try {
      await this.#deps.producer.close();
    } catch (error) {
      this.#deps.log.warn('closing the dead letter producer failed', { error: messageOf(error) });
    }
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, MAX_SEND_RECORDS);
      const acknowledged = await this.#sendUntilAcknowledged(batch.map(({ record }) => record));
      for (const { written } of batch) written(acknowledged);
    }
    this.#running = false;
  }

  async #sendUntilAcknowledged(records: readonly OutgoingRecord[]): Promise<boolean> {
    const { producer, clock, log } = this.#deps;
    for (let failures = 1; !this.#abandoned.signal.aborted; failures++) {
      try {
        await producer.send(records);
        this.#trouble = null;
        return true;
      } catch (error) {
        this.#trouble = messageOf(error);
        log.warn('dead letters could not be written, will be tried again', { failures, error: this.#trouble });
      }
      await producer.reset().catch((error: unknown) => {
        log.warn('a producer in doubt could not be closed', { error: messageOf(error) });
      });
      await clock.sleep(backoffMs(BACKOFF, failures, Math.random()), this.#abandoned.signal);
    }
    return false;
  }
}
