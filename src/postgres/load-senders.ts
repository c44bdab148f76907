import type { SenderIn } from '../ordering/needs.js';
import type { SenderHead } from '../ordering/sender.js';
import type { ConversationId } from '../protocol/ids.js';
import { textArray } from './binary-array.js';
import type { Database } from './database.js';
import { integer, integerOrNull, text, type Row } from './row.js';

export interface LoadedSender extends SenderIn {
  readonly head: SenderHead;
}

/** Rows from the end of a conversation that are looked through first: who is active is found there. */
const RECENT_ROWS = 200;

const COLUMNS = 'sender_epoch, sender_seq, sent_at, high_sent_at, former_sent_at';
const WANTED = 'unnest($1::text[], $2::text[]) AS wanted (conversation_id, sender_id)';

/**
 * The sender's last numbered row that isn't late, among the conversation's newest: a walk back in the primary key that
 * stops at the first hit. See load-heads.ts for why it is written with LATERAL and LIMIT.
 */
const RECENT = `
SELECT wanted.conversation_id, wanted.sender_id, m.*
  FROM ${WANTED}
 CROSS JOIN LATERAL (
       SELECT ${COLUMNS}
         FROM (SELECT * FROM message WHERE conversation_id = wanted.conversation_id
                ORDER BY seq DESC LIMIT ${RECENT_ROWS}) AS recent
        WHERE sender_id = wanted.sender_id AND sender_seq IS NOT NULL AND NOT late
        LIMIT 1) AS m`;

/**
 * The same among all rows of the sender, found by the index of identities. OFFSET 0 keeps the planner from walking the
 * whole conversation back instead, which LIMIT 1 would tempt it to.
 */
const ANY = `
SELECT wanted.conversation_id, wanted.sender_id, m.*
  FROM ${WANTED}
 CROSS JOIN LATERAL (
       SELECT ${COLUMNS}
         FROM (SELECT * FROM message WHERE conversation_id = wanted.conversation_id AND sender_id = wanted.sender_id
               OFFSET 0) AS own
        WHERE sender_seq IS NOT NULL AND NOT late
        ORDER BY seq DESC LIMIT 1) AS m`;

/** How far each sender has come; absent where it delivered nothing in turn. @throws InorderError postgres_unavailable | postgres_failed */
export async function loadSenders(db: Database, senders: readonly SenderIn[]): Promise<LoadedSender[]> {
  const recent = await look(db, 'recent_senders', RECENT, senders);
  if (recent.length === senders.length) return recent;
  const found = new Set(recent.map(keyOf));
  const missing = senders.filter((sender) => !found.has(keyOf(sender)));
  return [...recent, ...(await look(db, 'any_senders', ANY, missing))];
}

async function look(db: Database, name: string, sql: string, senders: readonly SenderIn[]): Promise<LoadedSender[]> {
  const values = [
    textArray(senders.map(({ conversationId }) => conversationId)),
    textArray(senders.map(({ senderId }) => senderId)),
  ];
  const rows = await db.query({ name, text: sql, values });
  return rows.map((row) => ({
    conversationId: text(row, 'conversation_id') as ConversationId,
    senderId: text(row, 'sender_id'),
    head: headOf(row),
  }));
}

function headOf(row: Row): SenderHead {
  return {
    epoch: integerOrNull(row, 'sender_epoch') ?? 0,
    senderSeq: integer(row, 'sender_seq'),
    highSentAt: integerOrNull(row, 'high_sent_at') ?? integer(row, 'sent_at'),
    formerSentAt: integerOrNull(row, 'former_sent_at'),
  };
}

function keyOf({ conversationId, senderId }: SenderIn): string {
  return `${conversationId}\0${senderId}`;
}
