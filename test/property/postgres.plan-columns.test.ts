import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ELEMENT } from '../../src/postgres/binary-array.js';
import { DEAD_LETTER_COLUMNS, MESSAGE_COLUMNS, PlanColumns } from '../../src/postgres/plan-columns.js';
import { decodeHeaders } from '../../src/protocol/dead-letter.js';
import type { StampedDeadLetter, StampedMessage } from '../../src/protocol/message.js';
import { stampedBatch } from '../support/arbitrary-stamped.js';

/** The elements of an array as the server would cut them; read here by the format's description alone. */
function elementsOf(array: Buffer, type: keyof typeof ELEMENT): (Buffer | null)[] {
  const [dimensions, hasNulls, oid, length, firstIndex] = [0, 4, 8, 12, 16].map((at) => array.readInt32BE(at));
  expect([dimensions, oid, firstIndex]).toEqual([1, ELEMENT[type], 1]);
  const elements: (Buffer | null)[] = [];
  let at = 20;
  while (at < array.length) {
    const size = array.readInt32BE(at);
    at += 4;
    elements.push(size === -1 ? null : array.subarray(at, at + size));
    at += Math.max(0, size);
  }
  expect(at).toBe(array.length);
  expect(elements).toHaveLength(length!);
  expect(hasNulls).toBe(elements.includes(null) ? 1 : 0);
  return elements;
}

function valueOf(bytes: Buffer | null, type: keyof typeof ELEMENT): unknown {
  if (bytes === null) return null;
  switch (type) {
    case 'bool':
      return bytes.readInt8() === 1;
    case 'int4':
      return bytes.readInt32BE();
    case 'int8':
      return bytes.readBigInt64BE();
    case 'text':
      return bytes.toString();
    case 'bytea':
      return bytes.toString('hex');
  }
}

/** Rows of named values, as the statement would unnest the parameters. */
function rowsOf(
  parameters: readonly (Buffer | null)[],
  columns: Readonly<Record<string, keyof typeof ELEMENT>>,
  rowCount: number,
): Record<string, unknown>[] {
  const rows: Record<string, unknown>[] = Array.from({ length: rowCount }, () => ({}));
  Object.entries(columns).forEach(([name, type], index) => {
    const array = parameters[index];
    const elements = array === null || array === undefined ? rows.map(() => null) : elementsOf(array, type);
    expect(elements).toHaveLength(rowCount);
    elements.forEach((element, row) => (rows[row]![name] = valueOf(element, type)));
  });
  return rows;
}

const big = (value: number | null): bigint | null => (value === null ? null : BigInt(value));
const hex = (value: Buffer | null): string | null => value?.toString('hex') ?? null;

function messageRow(message: StampedMessage): Record<string, unknown> {
  return {
    body: message.body.toString(),
    seq: big(message.seq),
    msg_id: message.msgId,
    sent_at: big(message.sentAt),
    received_at: big(message.receivedAt),
    stamped_at: big(message.stampedAt),
    ingest_offset: big(message.place.offset),
    ingest_partition: message.place.partition,
    late: message.late,
    conversation_id: message.conversationId,
    sender_id: message.senderId,
    receiver_id: message.receiverId,
    group_id: message.groupId,
    client_msg_id: message.clientMsgId,
    sender_seq: big(message.senderSeq),
    prev_sender_seq: big(message.prevSenderSeq),
    sender_epoch: big(message.senderEpoch),
    content_hash: hex(message.contentHash),
    meta: message.meta?.toString() ?? null,
    traceparent: hex(message.traceparent),
    tracestate: hex(message.tracestate),
    high_sent_at: null,
    former_sent_at: null,
  };
}

function deadLetterRow({ headers: _, ...letter }: StampedDeadLetter & { headers?: never }): Record<string, unknown> {
  return {
    value: hex(letter.record.value),
    msg_id: letter.msgId,
    stamped_at: big(letter.stampedAt),
    ingest_offset: big(letter.place.offset),
    ingest_partition: letter.place.partition,
    reason: letter.reason,
    detail: letter.detail,
    key: hex(letter.record.key),
  };
}

test('every stamped message and dead letter is one row with every value in its column, whatever was encoded before', () => {
  const columns = new PlanColumns(); // one for all runs: nothing of a run may show in the next
  fc.assert(
    fc.property(stampedBatch(2n ** 62n), (stamped) => {
      const messages = stamped.filter((one) => one.kind === 'message');
      const letters = stamped.filter((one) => one.kind === 'dead_letter');
      const encoded = columns.encode({ stamped, held: [], released: [] });

      expect(encoded.messages).toHaveLength(messages.length === 0 ? 0 : Object.keys(MESSAGE_COLUMNS).length);
      const rows = rowsOf(encoded.messages, MESSAGE_COLUMNS, messages.length);
      const byId = (a: Record<string, unknown>, b: Record<string, unknown>): number =>
        (a['msg_id'] as bigint) < (b['msg_id'] as bigint) ? -1 : 1;
      expect([...rows].sort(byId)).toEqual(messages.map(messageRow));
      const places = rows.map((row) => [row['conversation_id'] as string, row['seq'] as bigint] as const);
      const sorted = [...places].sort(([a, m], [b, n]) => (a === b ? Number(m - n) : a < b ? -1 : 1));
      expect(places).toEqual(sorted);

      expect(encoded.deadLetters).toHaveLength(letters.length === 0 ? 0 : Object.keys(DEAD_LETTER_COLUMNS).length);
      const deadRows = rowsOf(encoded.deadLetters, DEAD_LETTER_COLUMNS, letters.length);
      expect(deadRows.map(({ headers: _, ...row }) => row)).toEqual(letters.map(deadLetterRow));
      deadRows.forEach(({ headers }, index) => {
        expect(decodeHeaders(Buffer.from(headers as string, 'hex'))).toEqual(letters[index]?.record.headers);
      });
    }),
    { numRuns: 200 },
  );
});
