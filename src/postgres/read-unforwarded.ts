import type { MsgId } from '../protocol/ids.js';
import type { Stamped } from '../protocol/message.js';
import type { Database } from './database.js';
import { DEAD_LETTER_SELECT, deadLetterOf, MESSAGE_SELECT, messageOf } from './stored-rows.js';

export interface UnforwardedQuery {
  readonly partition: number;
  /** The watermark: the last msgId that was forwarded. */
  readonly afterMsgId: MsgId;
  readonly limit: number;
}

/**
 * What a lane has stored above the watermark, messages and dead letters in `msgId` order. For the lane's owner, after
 * taking it: nobody else stores then, so two statements see the same rows.
 *
 * Not prepared: a takeover is rare, and planned each time it is planned for the table as it is.
 * @throws InorderError postgres_unavailable (retryable) | postgres_failed
 */
export async function readUnforwarded(db: Database, query: UnforwardedQuery): Promise<Stamped[]> {
  const { partition, afterMsgId, limit } = query;
  const read = (columns: string, table: string) =>
    db.query({
      text: `SELECT ${columns} FROM ${table} WHERE partition = $1 AND msg_id > $2 ORDER BY msg_id LIMIT $3`,
      values: [partition, afterMsgId, limit],
    });
  const messages = (await read(MESSAGE_SELECT, 'message')).map(messageOf);
  const deadLetters = (await read(DEAD_LETTER_SELECT, 'dead_letter')).map(deadLetterOf);
  if (deadLetters.length === 0) return messages;
  // Each list holds the lowest `limit` ids of its table, so the lowest `limit` of both are the lowest of all.
  return [...messages, ...deadLetters].sort((a, b) => (a.msgId < b.msgId ? -1 : 1)).slice(0, limit);
}
