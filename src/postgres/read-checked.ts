/** What a checker reads of the tables. Reads only; rows of `message` are never changed, so that pages need no snapshot. */
import type { Database } from './database.js';
import { boolean, integer, integerOrNull, text, textOrNull, type Row } from './row.js';

/** A row of `message` as it lies there; ids and texts as the server prints them. */
export interface CheckedRow {
  readonly conversationId: string;
  readonly senderId: string;
  readonly clientMsgId: string;
  readonly sentAt: number;
  readonly senderSeq: number | null;
  readonly senderEpoch: number | null;
  readonly body: string;
  readonly meta: string | null;
  readonly seq: number;
  readonly msgId: string;
  readonly receivedAt: number;
  readonly stampedAt: number;
  readonly late: boolean;
  readonly partition: number;
  readonly laneEpoch: number;
  /** The same for rows that one transaction stored. */
  readonly batch: string;
  readonly place: { readonly partition: number; readonly offset: number };
}

export interface CheckedLane {
  readonly partition: number;
  readonly nextOffset: number;
  readonly lastMsgId: string;
}

const PAGE_ROWS = 5_000;

/** The rows of a partition in the order of `msg_id`, a page at a time. @throws InorderError postgres_unavailable | postgres_failed */
export async function* readCheckedRows(db: Database, partition: number): AsyncGenerator<CheckedRow[]> {
  let after: CheckedRow | undefined;
  for (;;) {
    const rows = await db.query({
      text: `SELECT conversation_id, sender_id, client_msg_id, sent_at, sender_seq, sender_epoch, body, meta, seq, msg_id,
                    received_at, stamped_at, late, partition, lane_epoch, xmin::text || '/' || stamped_at AS batch,
                    ingest_partition, ingest_offset
               FROM message
              WHERE partition = $1 AND msg_id >= $2 AND (msg_id, conversation_id, seq) > ($2, $3, $4)
              ORDER BY msg_id, conversation_id, seq LIMIT ${PAGE_ROWS}`,
      values: [partition, after?.msgId ?? '-1', after?.conversationId ?? '', after?.seq ?? 0],
    });
    const page = rows.map(checkedRowOf);
    if (page.length > 0) yield page;
    after = page.at(-1);
    if (page.length < PAGE_ROWS) return;
  }
}

/** @throws InorderError postgres_unavailable | postgres_failed */
export async function readCheckedLanes(db: Database): Promise<CheckedLane[]> {
  const rows = await db.query({ text: 'SELECT partition, next_offset, last_msg_id FROM lane ORDER BY partition' });
  return rows.map((row) => ({
    partition: integer(row, 'partition'),
    nextOffset: integer(row, 'next_offset'),
    lastMsgId: text(row, 'last_msg_id'),
  }));
}

/** Where the messages that are held for an earlier one were ingested. @throws InorderError postgres_unavailable | postgres_failed */
export async function readHeldPlaces(db: Database): Promise<{ partition: number; offset: number }[]> {
  const [table] = await db.query({ text: `SELECT to_regclass('held_message') IS NOT NULL AS there` });
  if (table === undefined || !boolean(table, 'there')) return [];
  const rows = await db.query({ text: 'SELECT ingest_partition, ingest_offset FROM held_message' });
  return rows.map(placeOf);
}

function checkedRowOf(row: Row): CheckedRow {
  return {
    conversationId: text(row, 'conversation_id'),
    senderId: text(row, 'sender_id'),
    clientMsgId: text(row, 'client_msg_id'),
    sentAt: integer(row, 'sent_at'),
    senderSeq: integerOrNull(row, 'sender_seq'),
    senderEpoch: integerOrNull(row, 'sender_epoch'),
    body: text(row, 'body'),
    meta: textOrNull(row, 'meta'),
    seq: integer(row, 'seq'),
    msgId: text(row, 'msg_id'),
    receivedAt: integer(row, 'received_at'),
    stampedAt: integer(row, 'stamped_at'),
    late: boolean(row, 'late'),
    partition: integer(row, 'partition'),
    laneEpoch: integer(row, 'lane_epoch'),
    batch: text(row, 'batch'),
    place: placeOf(row),
  };
}

function placeOf(row: Row): { partition: number; offset: number } {
  return { partition: integer(row, 'ingest_partition'), offset: integer(row, 'ingest_offset') };
}
