/** Rows of `message`, `dead_letter` and `held_message` as what they were before they were stored. */
import { decodeHeaders } from '../protocol/dead-letter.js';
import type { ConversationId, MsgId, Seq } from '../protocol/ids.js';
import type { Received, StampedDeadLetter, StampedMessage } from '../protocol/message.js';
import type { DeadLetterReason } from '../protocol/reasons.js';
import { bigInteger, boolean, bytes, bytesOrNull, integer, integerOrNull, text, textOrNull, type Row } from './row.js';

export const MESSAGE_SELECT = `
  msg_id, seq, stamped_at, late, conversation_id, sender_id, receiver_id, group_id, client_msg_id, sent_at, sender_seq,
  prev_sender_seq, sender_epoch, body, meta, content_hash, ingest_partition, ingest_offset, received_at, traceparent,
  tracestate`;

export const DEAD_LETTER_SELECT = `
  msg_id, stamped_at, reason, detail, ingest_partition, ingest_offset, key, value, headers`;

export function messageOf(row: Row): StampedMessage {
  return {
    kind: 'message',
    msgId: bigInteger(row, 'msg_id') as MsgId,
    seq: integer(row, 'seq') as Seq,
    stampedAt: integer(row, 'stamped_at'),
    late: boolean(row, 'late'),
    ...receivedOf(row),
  };
}

/** What a message was before it had its place in the order. */
export function receivedOf(row: Row): Received {
  const meta = textOrNull(row, 'meta');
  return {
    conversationId: text(row, 'conversation_id') as ConversationId,
    senderId: text(row, 'sender_id'),
    receiverId: textOrNull(row, 'receiver_id'),
    groupId: textOrNull(row, 'group_id'),
    clientMsgId: text(row, 'client_msg_id'),
    sentAt: integer(row, 'sent_at'),
    senderSeq: integerOrNull(row, 'sender_seq'),
    prevSenderSeq: integerOrNull(row, 'prev_sender_seq'),
    senderEpoch: integerOrNull(row, 'sender_epoch'),
    // The column holds well-formed UTF-8 (the server saw to that), so the text encodes to the bytes that went in.
    body: Buffer.from(text(row, 'body')),
    meta: meta === null ? null : Buffer.from(meta),
    contentHash: bytes(row, 'content_hash'),
    place: placeOf(row),
    receivedAt: integer(row, 'received_at'),
    traceparent: bytesOrNull(row, 'traceparent'),
    tracestate: bytesOrNull(row, 'tracestate'),
  };
}

export function deadLetterOf(row: Row): StampedDeadLetter {
  return {
    kind: 'dead_letter',
    msgId: bigInteger(row, 'msg_id') as MsgId,
    stampedAt: integer(row, 'stamped_at'),
    reason: text(row, 'reason') as DeadLetterReason,
    detail: text(row, 'detail'),
    place: placeOf(row),
    record: {
      key: bytesOrNull(row, 'key'),
      value: bytesOrNull(row, 'value'),
      headers: decodeHeaders(bytes(row, 'headers')),
    },
  };
}

function placeOf(row: Row): StampedMessage['place'] {
  return { partition: integer(row, 'ingest_partition'), offset: integer(row, 'ingest_offset') };
}
