import type { ConversationId, LogicOffset, MsgId, Seq } from '../protocol/ids.js';
import type { Stamped } from '../protocol/message.js';
import type { ContentHash, Identity } from './state.js';

/** What `decide` made of a batch: everything a store needs, nothing that needs a store. */
export interface Plan {
  /** Messages and dead letters in `msgId` order. */
  readonly stamped: readonly Stamped[];
  /** Heads of the conversations that got messages: their last `seq` after this batch. */
  readonly heads: ReadonlyMap<ConversationId, Seq>;
  /** Identities that this batch stamped, with their content. */
  readonly identities: ReadonlyMap<Identity, ContentHash>;
  /** Records dropped because the same `clientMsgId` with the same content was there. */
  readonly duplicateCount: number;
  /** The id floor after this batch; equals the floor before it when nothing was stamped. */
  readonly lastMsgId: MsgId;
  readonly fromOffset: LogicOffset;
  /** The offset after the last record of the batch. */
  readonly nextOffset: LogicOffset;
}
