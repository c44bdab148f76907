/**
 * What a lane needs of the world. The logic stage gives it the real servers (server-edges.ts); tests give it doubles
 * that fail as the real ones do. A rejected promise means that nothing is known; an outcome that is known is a value.
 */
import type { CommittedPosition } from '../../lane/judge-takeover.js';
import type { StoredHold } from '../../ordering/held.js';
import type { SenderIn } from '../../ordering/needs.js';
import type { Plan } from '../../ordering/plan.js';
import type { SenderHead, SenderKey } from '../../ordering/sender.js';
import type { Identity } from '../../ordering/state.js';
import type { ConversationId, LaneEpoch, LogicOffset, MsgId, Seq } from '../../protocol/ids.js';
import type { Stamped } from '../../protocol/message.js';

export interface StoredIdentity {
  readonly identity: Identity;
  readonly contentHash: Buffer;
}

export type StoreOutcome =
  | { readonly kind: 'stored' }
  | { readonly kind: 'fenced' }
  /** A unique violation: rolled back whole; a cache was wrong. */
  | { readonly kind: 'conflict'; readonly constraint: string }
  /** Not stored, for certain; `retryable` says whether the same may be stored later. */
  | { readonly kind: 'refused'; readonly cause: unknown; readonly retryable: boolean }
  | { readonly kind: 'unknown'; readonly cause: unknown };

export type ForwardOutcome =
  | { readonly kind: 'committed' }
  | { readonly kind: 'fenced'; readonly cause: unknown }
  | { readonly kind: 'unknown'; readonly cause: unknown };

/** The lane's rows in PostgreSQL. */
export interface LaneStore {
  take(): Promise<{ laneEpoch: LaneEpoch; nextOffset: LogicOffset; lastMsgId: MsgId }>;
  /** The epoch of the row now; null where there is no row. */
  epoch(): Promise<LaneEpoch | null>;
  store(plan: Plan, laneEpoch: LaneEpoch): Promise<StoreOutcome>;
  /** What the lane holds for gaps in senders' numbers. Asked once a reign, before its first store. */
  held(): Promise<readonly StoredHold[]>;
  /** How far each sender has come in its conversation; absent where nothing of it was delivered in turn. */
  senders(senders: readonly SenderIn[]): Promise<ReadonlyMap<SenderKey, SenderHead>>;
  /** Last `seq` of each conversation; absent where it has no message. */
  heads(conversationIds: readonly ConversationId[]): Promise<ReadonlyMap<ConversationId, Seq>>;
  /** Which of these messages are stored already. */
  stored(
    messages: readonly { conversationId: ConversationId; senderId: string; clientMsgId: string }[],
  ): Promise<readonly StoredIdentity[]>;
  /** Stored with an id above `after`, in id order, at most `limit`. */
  unforwarded(after: MsgId, limit: number): Promise<readonly Stamped[]>;
}

/** One fenced Kafka producer; used by one reign, then discarded. */
export interface LaneForwarder {
  forward(
    stamped: readonly Stamped[],
    position: { nextOffset: LogicOffset; watermark: MsgId },
    laneEpoch: LaneEpoch,
  ): Promise<ForwardOutcome>;
  /** Never rejects. */
  discard(): Promise<void>;
}

/** The lane's partition of `im.logic` and its transactional id. */
export interface LaneLog {
  /** Fences the former owner and settles its open transaction. */
  fence(): Promise<LaneForwarder>;
  position(): Promise<CommittedPosition>;
  /** The offset after the last record that is in the log now. */
  end(): Promise<LogicOffset>;
  /** Read on from here. Synchronous: takes effect at the next fetch. */
  open(nextOffset: LogicOffset): void;
  pause(): void;
  resume(): void;
}

export interface LaneEdges {
  readonly store: LaneStore;
  readonly log: LaneLog;
}
