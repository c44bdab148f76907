/** How long and how much is held for gaps in senders' numbers. */
export interface ReorderRules {
  /** How long a message waits for those before it; 0 waits for none. */
  readonly windowMs: number;
  /** How much longer it waits where nothing tells how far its ingest partition has come (window-end.ts). */
  readonly silenceMs: number;
  /** Held messages of one sender in one conversation, at most; and of the lane, by count and by bytes. */
  readonly maxPerSender: number;
  readonly maxCount: number;
  readonly maxBytes: number;
  /** How far a sender's clock moves on, at least, where falling numbers mean that it lost them (sender-reset.ts). */
  readonly resetAfterMs: number;
}
