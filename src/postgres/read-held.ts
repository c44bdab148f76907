import type { StoredHold } from '../ordering/held.js';
import type { LogicOffset } from '../protocol/ids.js';
import type { Database } from './database.js';
import { integer } from './row.js';
import { receivedOf } from './stored-rows.js';

/**
 * What a lane holds, in the order in which it came. For the lane's owner, after taking it: nobody else changes it then.
 * Not prepared: a takeover is rare.
 * @throws InorderError postgres_unavailable (retryable) | postgres_failed
 */
export async function readHeld(db: Database, partition: number): Promise<StoredHold[]> {
  const rows = await db.query({
    text: `SELECT logic_offset, deadline, conversation_id, sender_id, receiver_id, group_id, client_msg_id, sent_at,
                  sender_seq, prev_sender_seq, sender_epoch, body, meta, content_hash, ingest_partition, ingest_offset,
                  received_at, traceparent, tracestate
             FROM held_message WHERE partition = $1 ORDER BY logic_offset`,
    values: [partition],
  });
  return rows.map((row) => ({
    ...receivedOf(row),
    senderSeq: integer(row, 'sender_seq'),
    logicOffset: integer(row, 'logic_offset') as LogicOffset,
    deadline: integer(row, 'deadline'),
  }));
}
