/** The reader at the end of the pipeline: counts, checks the order, and notes how long each message took. */
import type { KafkaOptions } from '../kafka/options.js';
import type { Log } from '../observe/log.js';
import { DeliveryConsumer } from '../stages/delivery/delivery-consumer.js';

export class DeliveryReader {
  readonly #consumer: DeliveryConsumer;
  readonly #lastSeq = new Map<string, number>();
  #latenciesMs: number[] = [];
  count = 0;
  /** Messages whose `seq` was not the next of their conversation. */
  outOfOrder = 0;
  firstMs = 0;
  lastMs = 0;

  constructor(options: { kafka: KafkaOptions; topicPrefix: string; groupId: string; log: Log }) {
    this.#consumer = new DeliveryConsumer({
      ...options,
      handler: ({ conversationId, seq, receivedAt }) => {
        if (this.count === 0) this.firstMs = performance.now();
        this.lastMs = performance.now();
        this.count += 1;
        if (seq !== (this.#lastSeq.get(conversationId) ?? 0) + 1) this.outOfOrder += 1;
        this.#lastSeq.set(conversationId, seq);
        this.#latenciesMs.push(Date.now() - receivedAt);
        return Promise.resolve();
      },
    });
  }

  start(): Promise<void> {
    return this.#consumer.start();
  }

  stop(): Promise<void> {
    return this.#consumer.stop();
  }

  /** Milliseconds from the append on `im.ingest` to the handler, of the messages since the last call. */
  takeLatencies(): number[] {
    const taken = this.#latenciesMs;
    this.#latenciesMs = [];
    return taken;
  }
}
