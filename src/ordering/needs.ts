/** What must be known before a batch can be decided, and keeping it in the caches until it is. */
import type { ConversationId } from '../protocol/ids.js';
import type { Incoming } from '../protocol/message.js';
import type { BoundedMap } from './bounded-map.js';
import type { LogicBatch } from './decide.js';
import { senderKeyOf, type SenderKey } from './sender.js';
import { identityOf, type Identity, type OrderingState } from './state.js';

export interface SenderIn {
  readonly conversationId: ConversationId;
  readonly senderId: string;
}

/**
 * Conversations whose head must be loaded before `decide` can be asked: of the batch, and of everything held, which may
 * be let out at any time. Those that are known count as used: loading the others must not push them out of the cache.
 */
export function unknownConversations(state: OrderingState, batch: LogicBatch): ConversationId[] {
  const needed = new Set<ConversationId>();
  for (const record of batch.records) if (record.kind === 'incoming') needed.add(record.incoming.conversationId);
  for (const [first] of state.lines.values()) if (first !== undefined) needed.add(first.conversationId);
  return notIn(state.heads, needed);
}

/** Senders whose head must be loaded, the same way. Only those that number their messages have one. */
export function unknownSenders(state: OrderingState, batch: LogicBatch): Map<SenderKey, SenderIn> {
  const needed = new Map<SenderKey, SenderIn>();
  for (const record of batch.records) {
    if (record.kind !== 'incoming' || record.incoming.senderSeq === null) continue;
    needed.set(senderKeyOf(record.incoming), record.incoming);
  }
  for (const [key, [first]] of state.lines) if (first !== undefined) needed.set(key, first);
  return new Map(notIn(state.senders, needed.keys()).map((key) => [key, needed.get(key) as SenderIn]));
}

/** Messages of the batch of which it isn't known whether they are stored; the same way. */
export function unknownIdentities(state: OrderingState, batch: LogicBatch): Incoming[] {
  const needed = new Map<Identity, Incoming>();
  for (const record of batch.records) {
    if (record.kind === 'incoming') needed.set(identityOf(record.incoming), record.incoming);
  }
  return notIn(state.seen, needed.keys()).map((identity) => needed.get(identity) as Incoming);
}

/** How much is held, and how large a batch is, are settings that know nothing of the caches: these make room. */
function notIn<K, V>(cache: BoundedMap<K, V>, needed: Iterable<K>): K[] {
  const keys = [...needed];
  cache.makeRoomFor(keys.length);
  const unknown = keys.filter((key) => !cache.has(key));
  if (unknown.length > 0) for (const key of keys) cache.keep(key);
  return unknown;
}
