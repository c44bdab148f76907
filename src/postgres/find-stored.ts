import type { ConversationId, Seq } from '../protocol/ids.js';
import { textArray } from './binary-array.js';
import type { Database } from './database.js';
import { bytes, integer, text } from './row.js';

/** Who a message is, however often it is sent. */
export interface MessageKey {
  readonly conversationId: ConversationId;
  readonly senderId: string;
  readonly clientMsgId: string;
}

export interface StoredMessageKey extends MessageKey {
  readonly seq: Seq;
  readonly contentHash: Buffer;
}

/** One look into the unique index for each key; see load-heads.ts for why it is written so. */
const SQL = `
SELECT m.conversation_id, m.sender_id, m.client_msg_id, m.seq, m.content_hash
  FROM unnest($1::text[], $2::text[], $3::text[]) AS wanted (conversation_id, sender_id, client_msg_id)
 CROSS JOIN LATERAL (
       SELECT * FROM message
        WHERE conversation_id = wanted.conversation_id
          AND sender_id = wanted.sender_id
          AND client_msg_id = wanted.client_msg_id
        LIMIT 1) AS m`;

/** Those of `keys` that are stored. @throws InorderError postgres_unavailable | postgres_failed */
export async function findStored(db: Database, keys: readonly MessageKey[]): Promise<StoredMessageKey[]> {
  if (keys.length === 0) return [];
  const values = [
    textArray(keys.map((key) => key.conversationId)),
    textArray(keys.map((key) => key.senderId)),
    textArray(keys.map((key) => key.clientMsgId)),
  ];
  const rows = await db.query({ name: 'find_stored', text: SQL, values });
  return rows.map((row) => ({
    conversationId: text(row, 'conversation_id') as ConversationId,
    senderId: text(row, 'sender_id'),
    clientMsgId: text(row, 'client_msg_id'),
    seq: integer(row, 'seq') as Seq,
    contentHash: bytes(row, 'content_hash'),
  }));
}
