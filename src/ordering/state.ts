import type { ConversationId, LogicOffset, MsgId, Seq } from '../protocol/ids.js';
import { BoundedMap } from './bounded-map.js';

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
 * What a lane remembers between batches. `lastMsgId` and `nextOffset` are facts that PostgreSQL confirmed;
 * `heads` and `seen` are caches that the fence makes safe to hold: while the fence holds nobody else writes, and
 * the primary key and the unique index catch a cache that is wrong all the same.
 */
export interface OrderingState {
  readonly partition: number;
  lastMsgId: MsgId;
  nextOffset: LogicOffset;
  /** Last `seq` of a conversation; 0 where it has no message yet. */
  readonly heads: BoundedMap<ConversationId, Seq>;
  /** Content of the messages stamped or looked up lately. */
  readonly seen: BoundedMap<Identity, ContentHash>;
}

export interface OrderingLimits {
  readonly maxHeads: number;
  readonly maxSeen: number;
}

export function newOrderingState(
  from: { partition: number; lastMsgId: MsgId; nextOffset: LogicOffset },
  limits: OrderingLimits,
): OrderingState {
  return { ...from, heads: new BoundedMap(limits.maxHeads), seen: new BoundedMap(limits.maxSeen) };
}
