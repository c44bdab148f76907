import { InorderError } from '../errors.js';
import { Numbering } from './numbering.js';
import type { SenderNumbers, SequenceStore } from './sequence-store.js';

/** Numbers that die with the process: each store is an epoch of its own. For tests, demos, and senders without a disk. */
export class MemorySequenceStore implements SequenceStore {
  readonly #numbering: Numbering;
  #isClosed = false;

  /**
   * @param options.senderEpoch must be above those of the sender's earlier lives: the time in milliseconds unless given,
   * which holds while the device's clock isn't set back
   */
  constructor({ senderEpoch = Date.now() }: { readonly senderEpoch?: number } = {}) {
    if (!Number.isSafeInteger(senderEpoch) || senderEpoch < 0) {
      throw new InorderError('usage', `senderEpoch is ${senderEpoch}: expected an integer from 0 to 2^53-1`);
    }
    this.#numbering = new Numbering(senderEpoch);
  }

  async next(conversationId: string): Promise<SenderNumbers> {
    if (this.#isClosed) throw new InorderError('usage', 'the sequence store is closed');
    const numbers = this.#numbering.peek(conversationId);
    this.#numbering.take(conversationId, numbers);
    return numbers;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }
}
