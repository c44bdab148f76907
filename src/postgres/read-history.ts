import type { ConversationId, Seq } from '../protocol/ids.js';
import type { StampedMessage } from '../protocol/message.js';
import type { Database } from './database.js';
import { MESSAGE_SELECT, messageOf } from './stored-rows.js';

export interface HistoryRange {
  readonly conversationId: ConversationId;
  readonly fromSeq: Seq;
  /** Included. */
  readonly toSeq: Seq;
  readonly limit: number;
}

/** Messages of a conversation in the order of `seq`, at most `limit`. @throws InorderError postgres_unavailable (retryable) | postgres_failed */
export async function readHistory(db: Database, range: HistoryRange): Promise<StampedMessage[]> {
  const { conversationId, fromSeq, toSeq, limit } = range;
  const rows = await db.query({
    text: `SELECT ${MESSAGE_SELECT} FROM message
            WHERE conversation_id = $1 AND seq BETWEEN $2 AND $3 ORDER BY seq LIMIT $4`,
    values: [conversationId, fromSeq, toSeq, limit],
  });
  return rows.map(messageOf);
}
