import type { ConversationId, Seq } from '../protocol/ids.js';
import { textArray } from './binary-array.js';
import type { Database } from './database.js';
import { integer, text } from './row.js';

/**
 * One look into the index for each id, by construction (LATERAL … LIMIT): a plan made while the table was small and
 * kept with the prepared statement can't become a scan of millions of rows.
 */
const SQL = `
SELECT c.conversation_id, c.last_seq
  FROM unnest($1::text[]) AS wanted (conversation_id)
 CROSS JOIN LATERAL (
       SELECT * FROM conversation WHERE conversation_id = wanted.conversation_id LIMIT 1) AS c`;

/** The last `seq` of each conversation; absent where it has no message. @throws InorderError postgres_unavailable | postgres_failed */
export async function loadHeads(db: Database, ids: readonly ConversationId[]): Promise<Map<ConversationId, Seq>> {
  if (ids.length === 0) return new Map();
  const rows = await db.query({ name: 'load_heads', text: SQL, values: [textArray(ids)] });
  return new Map(rows.map((row) => [text(row, 'conversation_id') as ConversationId, integer(row, 'last_seq') as Seq]));
}
