/** Branded ids: a plain string or number is not one of these by accident. */
declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** `group:<groupId>` or `single:<a>:<b>`; see conversation-id.ts. */
export type ConversationId = Branded<string, 'ConversationId'>;
/** 63 bits: 41 bits ms since 2025-01-01T00:00Z, 10 bits partition, 12 bits counter; see ordering/msg-id.ts. */
export type MsgId = Branded<bigint, 'MsgId'>;
/** Dense per conversation, from 1. */
export type Seq = Branded<number, 'Seq'>;
/** One reign of a lane's owner; grows by one at every takeover. */
export type LaneEpoch = Branded<number, 'LaneEpoch'>;
/** A position in `im.logic`. Names say which: `nextOffset` excludes, `lastOffset` includes. */
export type LogicOffset = Branded<number, 'LogicOffset'>;
