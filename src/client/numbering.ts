import type { SenderNumbers } from './sequence-store.js';

/** The numbers of one epoch in memory. Split into `peek` and `take`, so that a number can be made safe in between. */
export class Numbering {
  readonly senderEpoch: number;
  #lastSeq: number;
  readonly #previous: Map<string, number>;

  /** @param previous last number by conversation; owned by the numbering from here on. */
  constructor(senderEpoch: number, lastSeq = 0, previous = new Map<string, number>()) {
    this.senderEpoch = senderEpoch;
    this.#lastSeq = lastSeq;
    this.#previous = previous;
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** Last number by conversation. */
  get previous(): ReadonlyMap<string, number> {
    return this.#previous;
  }

  peek(conversationId: string): SenderNumbers {
    return {
      senderSeq: this.#lastSeq + 1,
      prevSenderSeq: this.#previous.get(conversationId) ?? 0,
      senderEpoch: this.senderEpoch,
    };
  }

  take(conversationId: string, { senderSeq }: SenderNumbers): void {
    this.#lastSeq = senderSeq;
    this.#previous.set(conversationId, senderSeq);
  }
}
