import type { Conversation } from './conversation.js';

/**
 * Who may run now: never two turns of one conversation at once, at most `concurrency` in all, first come first served.
 * A turn is one record, so a conversation with much waiting goes to the back of the queue after each.
 *
 * The first rule holds across assignments too: when a partition comes back while a handler of its former assignment is
 * still running, the new turn waits for that one to end.
 */
export class Turns {
  readonly #concurrency: number;
  readonly #run: (conversation: Conversation) => Promise<void>;
  readonly #running = new Map<Conversation['id'], Conversation>();
  #ready: Conversation[] = [];
  #ended = false;
  #onIdle: (() => void)[] = [];

  /** `run` takes one turn; it must not reject. */
  constructor(concurrency: number, run: (conversation: Conversation) => Promise<void>) {
    this.#concurrency = concurrency;
    this.#run = run;
  }

  get runningCount(): number {
    return this.#running.size;
  }

  /** The conversation has something waiting. */
  offer(conversation: Conversation): void {
    if (conversation.scheduled) return;
    conversation.scheduled = true;
    this.#ready.push(conversation);
    this.#begin();
  }

  /** Begins no more turns; resolves when those running have ended. */
  async finish(): Promise<void> {
    this.#ended = true;
    this.#ready = [];
    if (this.#running.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle.push(resolve);
    });
  }

  #begin(): void {
    while (!this.#ended && this.#running.size < this.#concurrency) {
      const conversation = this.#ready.shift();
      if (conversation === undefined) return;
      const former = this.#running.get(conversation.id);
      if (former !== undefined) {
        former.successor = conversation;
      } else {
        this.#running.set(conversation.id, conversation);
        void this.#turn(conversation);
      }
    }
  }

  async #turn(conversation: Conversation): Promise<void> {
    await this.#run(conversation);
    this.#running.delete(conversation.id);
    conversation.scheduled = false;
    if (conversation.successor !== null) this.#ready.push(conversation.successor);
    conversation.successor = null;
    if (conversation.next !== undefined) this.offer(conversation);
    this.#begin();
    if (this.#running.size === 0) for (const idle of this.#onIdle.splice(0)) idle();
  }
}
