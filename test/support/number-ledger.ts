import { expect } from '@jest/globals';
import type { SenderNumbers } from '../../src/client/sequence-store.js';

/** Everything that a sender was ever handed, life after life, and what must hold of it. */
export class NumberLedger {
  count = 0;
  #last: SenderNumbers | null = null;
  /** Last number by conversation, in the epoch of `#last`. */
  readonly #previous = new Map<string, number>();
  /** The one number that the life before may have taken without anybody seeing it is above this one. */
  #seenTo = Number.POSITIVE_INFINITY;
  readonly #seenInLife = new Set<string>();

  /** To be called where the life before may have died between taking a number and showing it. */
  beginLife(): void {
    this.#seenTo = this.#last?.senderSeq ?? 0;
    this.#seenInLife.clear();
  }

  /** Checks that the number is new, above all earlier ones, and that its previous one is right. */
  record(conversationId: string, numbers: SenderNumbers): void {
    const { senderSeq, prevSenderSeq, senderEpoch } = numbers;
    const last = this.#last;
    if (last !== null) expect(senderEpoch).toBeGreaterThanOrEqual(last.senderEpoch);
    if (senderEpoch === last?.senderEpoch) expect(senderSeq).toBeGreaterThan(last.senderSeq);
    else this.#previous.clear();
    const isUnseen = prevSenderSeq > this.#seenTo && !this.#seenInLife.has(conversationId);
    if (!isUnseen) expect(prevSenderSeq).toBe(this.#previous.get(conversationId) ?? 0);
    expect(prevSenderSeq).toBeLessThan(senderSeq);
    this.#last = numbers;
    this.#previous.set(conversationId, senderSeq);
    this.#seenInLife.add(conversationId);
    this.count += 1;
  }
}
