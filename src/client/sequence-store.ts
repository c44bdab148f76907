/** The sender's numbers: what a message carries so that lanes and timelines can put one sender's messages in order. */

export interface SenderNumbers {
  /** From 1; grows with every message of this epoch, across conversations. */
  readonly senderSeq: number;
  /** The number before it in the same conversation and epoch; 0 for the first. */
  readonly prevSenderSeq: number;
  /** One life of the sender's numbers; larger is newer. */
  readonly senderEpoch: number;
}

/**
 * Hands out numbers. Promises, whatever happened to the process that asked before: no number twice in an epoch, none
 * below an earlier one, and no epoch below an earlier one. One store per sender id and device: two of them number
 * beside each other, and whichever has the lower epoch has all its messages marked late.
 */
export interface SequenceStore {
  /** In the order of the calls. A rejected call handed out nothing, and the next one may succeed. */
  next(conversationId: string): Promise<SenderNumbers>;
  /** Gives back what is reserved or locked; a later life goes on in the same epoch. */
  close(): Promise<void>;
}
