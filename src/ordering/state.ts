import type { ConversationId, LogicOffset, MsgId, Seq } from '../protocol/ids.js';
import { BoundedMap } from './bounded-map.js';
import type { HeldMessage } from './held.js';
import { inSenderOrder } from './judge-number.js';
import type { ReorderRules } from './options.js';
import { senderKeyOf, type SenderHead, type SenderKey } from './sender.js';
import { windowEndMs, type IngestTime } from './window-end.js';

/** `Identity` of a message: one retry identity per sender and conversation. U+0000 can't occur in an id. */
export type Identity = string;

export function identityOf(message: { conversationId: string; senderId: string; clientMsgId: string }): Identity {
  return `${message.conversationId}\0${message.senderId}\0${message.clientMsgId}`;
}

/** A content hash as a map value: 32 latin1 characters take a third of the memory of a Buffer. */
export type ContentHash = string;

export function contentHashOf(bytes: Buffer): ContentHash {
  return bytes.toString('latin1');
}

/**
 * What a lane remembers between batches. `lastMsgId`, `nextOffset` and what is held are facts that PostgreSQL confirmed;
 * `heads`, `senders` and `seen` are caches that the fence makes safe to hold: while the fence holds nobody else writes,
 * and the primary key and the unique index catch a cache that is wrong all the same.
 */
export interface OrderingState {
  readonly partition: number;
  lastMsgId: MsgId;
  nextOffset: LogicOffset;
  /** Where the log ended when the lane was taken. No window ends before the lane has come here: see `decide`. */
  readonly caughtUpOffset: LogicOffset;
  /** Last `seq` of a conversation; 0 where it has no message yet. */
  readonly heads: BoundedMap<ConversationId, Seq>;
  /** How far senders have come; null where nothing of them was delivered in turn. */
  readonly senders: BoundedMap<SenderKey, SenderHead | null>;
  /** Content of the messages stamped or looked up lately. */
  readonly seen: BoundedMap<Identity, ContentHash>;
  /** Everything the lane holds, in the order of its deadlines. */
  readonly held: Map<LogicOffset, HeldMessage>;
  heldBytes: number;
  /** The same by sender, each in its sender's order; no empty ones. */
  readonly lines: Map<SenderKey, readonly HeldMessage[]>;
  /** The same by identity: what is held already is not held twice. */
  readonly heldContent: Map<Identity, ContentHash>;
  /** How far each partition of `im.ingest` has come, as far as this reign knows. As many as the topic has. */
  readonly ingestTimes: Map<number, IngestTime>;
  readonly rules: ReorderRules;
}

export interface OrderingLimits {
  readonly maxHeads: number;
  readonly maxSenders: number;
  readonly maxSeen: number;
  readonly reorder: ReorderRules;
}

export interface OrderingStart {
  readonly partition: number;
  readonly lastMsgId: MsgId;
  readonly nextOffset: LogicOffset;
  readonly caughtUpOffset: LogicOffset;
  readonly held: readonly HeldMessage[];
}

export function newOrderingState(start: OrderingStart, limits: OrderingLimits): OrderingState {
  const { held, ...position } = start;
  const state: OrderingState = {
    ...position,
    heads: new BoundedMap(limits.maxHeads),
    senders: new BoundedMap(limits.maxSenders),
    seen: new BoundedMap(limits.maxSeen),
    held: new Map(),
    heldBytes: 0,
    lines: new Map(),
    heldContent: new Map(),
    ingestTimes: new Map(),
    rules: limits.reorder,
  };
  const lines = new Map<SenderKey, HeldMessage[]>();
  for (const message of [...held].sort((a, b) => a.dueMs - b.dueMs)) {
    addHeld(state, message);
    const key = senderKeyOf(message);
    lines.set(key, [...(lines.get(key) ?? []), message].sort(inSenderOrder));
  }
  for (const [key, line] of lines) state.lines.set(key, line);
  return state;
}

export function addHeld(state: OrderingState, message: HeldMessage): void {
  state.held.set(message.logicOffset, message);
  state.heldContent.set(identityOf(message), contentHashOf(message.contentHash));
  state.heldBytes += message.sizeBytes;
}

export function removeHeld(state: OrderingState, message: HeldMessage): void {
  state.held.delete(message.logicOffset);
  state.heldContent.delete(identityOf(message));
  state.heldBytes -= message.sizeBytes;
}

/** When the first window ends, on the monotonic clock of the reign; null where none does before other records come. */
export function nextDueMs(state: OrderingState): number | null {
  if (state.nextOffset < state.caughtUpOffset) return null;
  let firstMs: number | null = null;
  for (const message of state.held.values()) {
    if (firstMs !== null && message.dueMs >= firstMs) break; // in the order of deadlines, and no window ends before its own
    const endMs = windowEndMs(message, state.ingestTimes.get(message.place.partition), state.rules);
    firstMs = Math.min(firstMs ?? endMs, endMs);
  }
  return firstMs;
}
