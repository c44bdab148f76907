import type { ConversationId, LogicOffset, MsgId, Seq } from '../protocol/ids.js';
import type { Stamped } from '../protocol/message.js';
import type { HeldMessage } from './held.js';
import type { GivenUp } from './resequence.js';
import type { SenderHead, SenderKey } from './sender.js';
import type { ContentHash, Identity } from './state.js';
import type { IngestTime } from './window-end.js';

/**
 * What `decide` made of a batch: everything a store needs, nothing that needs a store. Each moves `nextOffset` or
 * `lastMsgId` (a release without new records stamps), so that the fence on both refuses to store one twice.
 */
export interface Plan {
  /** Messages and dead letters in `msgId` order. */
  readonly stamped: readonly Stamped[];
  /** Heads of the conversations that got messages: their last `seq` after this batch. */
  readonly heads: ReadonlyMap<ConversationId, Seq>;
  /** Identities that this batch stamped or held, with their content. */
  readonly identities: ReadonlyMap<Identity, ContentHash>;
  /** Records dropped because the same `clientMsgId` with the same content was there. */
  readonly duplicateCount: number;
  readonly messageCount: number;
  /** Messages that came after their turn. */
  readonly lateCount: number;
  /** Newly held: rows to be inserted. */
  readonly held: readonly HeldMessage[];
  /** Held until now and among `stamped`: rows to be removed. */
  readonly released: readonly HeldMessage[];
  readonly givenUp: readonly GivenUp[];
  /** Senders whose head moved. */
  readonly senders: ReadonlyMap<SenderKey, SenderHead>;
  /** What is held of a sender after this batch, where that changed; empty where nothing is any more. */
  readonly lines: ReadonlyMap<SenderKey, readonly HeldMessage[]>;
  /** How far the ingest partitions of this batch have come. */
  readonly ingestTimes: ReadonlyMap<number, IngestTime>;
  /** The id floor before this batch. */
  readonly floor: MsgId;
  /** The id floor after this batch; equals the floor before it when nothing was stamped. */
  readonly lastMsgId: MsgId;
  readonly fromOffset: LogicOffset;
  /** The offset after the last record of the batch. */
  readonly nextOffset: LogicOffset;
}
