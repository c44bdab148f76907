/** The way of a message through the topics: ingest → logic → delivery, and what is refused on the way. */
import { isUtf8 } from 'node:buffer';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { deadLetterRecord, decodeHeaders, encodeHeaders, parseDeadLetter } from '../../src/protocol/dead-letter.js';
import { deliveryHeaders, deliveryKey, parseDelivery, renderDelivery } from '../../src/protocol/delivery.js';
import type { LaneEpoch, MsgId, Seq } from '../../src/protocol/ids.js';
import { decodeLogicRecord, encodeLogicRecord } from '../../src/protocol/logic-record.js';
import type { Envelope, Incoming, StampedMessage } from '../../src/protocol/message.js';
import { parseEnvelope } from '../../src/protocol/parse-envelope.js';
import { DEAD_LETTER_REASONS, type DeadLetterReason } from '../../src/protocol/reasons.js';
import { isDelivery } from '../../src/protocol/schemas.js';
import { headerOf, type KafkaRecord, type RecordHeaders } from '../../src/record.js';
import { draft, seed, styleOf, text, writeEnvelope } from './protocol.arbitraries.js';

const bytes = fc.uint8Array({ maxLength: 20 }).map((one) => Buffer.from(one));
const key = fc.option(bytes);
const headerName = fc.oneof(
  text,
  fc.constantFrom('traceparent', 'tracestate', 'inorder-epoch', 'inorder-envelope', 'inorder-dlq-reason', '__proto__'),
);
const headers: fc.Arbitrary<RecordHeaders> = fc
  .uniqueArray(fc.tuple(headerName, fc.oneof(bytes, fc.array(bytes, { maxLength: 3 }))), { selector: ([name]) => name })
  // fromEntries defines properties: `__proto__` is one as any other.
  .map((pairs) => Object.fromEntries(pairs) as RecordHeaders);

function withoutOurs(all: RecordHeaders): [string, unknown][] {
  return Object.entries(all).filter(([name]) => !name.startsWith('inorder-'));
}

/** A record of the ingest topic that holds an envelope. */
const ingestRecord = fc
  .record({
    one: draft,
    styleSeed: seed,
    key,
    headers,
    partition: fc.nat(1000),
    offset: fc.maxSafeNat(),
    timestampMs: fc.maxSafeNat(),
  })
  .map(({ one, styleSeed, ...rest }): KafkaRecord & { value: Buffer } => {
    // Not at the start of its memory, as a record of a fetch isn't.
    const value = Buffer.concat([Buffer.from('before'), writeEnvelope(one, styleOf(styleSeed)).bytes]).subarray(6);
    return { topic: 'im.ingest', value, ...rest };
  });

function envelopeOf(record: KafkaRecord): Envelope {
  const parsed = parseEnvelope(record.value, { maxValueBytes: 256 * 1024 });
  if (!parsed.ok) throw new Error(parsed.detail);
  return parsed.envelope;
}

function logicRecordOf(record: KafkaRecord, offset = 7): KafkaRecord {
  return { ...encodeLogicRecord(envelopeOf(record), record), topic: 'im.logic', partition: 3, offset, timestampMs: 5 };
}

function incomingOf(record: KafkaRecord): Incoming {
  const decoded = decodeLogicRecord(logicRecordOf(record));
  if (!decoded.ok) throw new Error(decoded.detail);
  return decoded.incoming;
}

describe('a logic record', () => {
  test('tells the lane what the ingest stage found out', () => {
    fc.assert(
      fc.property(ingestRecord, (record) => {
        const incoming = incomingOf(record);
        expect({ ...incoming }).toEqual({
          ...envelopeOf(record),
          logicOffset: 7,
          place: { partition: record.partition, offset: record.offset },
          receivedAt: record.timestampMs,
          traceparent: headerOf(record.headers, 'traceparent') ?? null,
          tracestate: headerOf(record.headers, 'tracestate') ?? null,
        });
      }),
    );
  });

  test("carries the producer's record, but for headers with our names", () => {
    fc.assert(
      fc.property(ingestRecord, (record) => {
        const { original } = incomingOf(record);
        expect(original.key).toEqual(record.key);
        expect(original.value).toEqual(record.value);
        expect(Object.entries(original.headers)).toEqual(withoutOurs(record.headers));
        expect(logicRecordOf(record).value).toBe(record.value);
        expect(logicRecordOf(record).key?.toString()).toBe(envelopeOf(record).conversationId);
      }),
    );
  });

  const header = fc.oneof(
    bytes,
    fc.json().map((json) => Buffer.from(json)),
    fc
      .array(fc.oneof(fc.constantFrom(0, 1, 2, -1, 0.5, null, '', 'a', 'YQ=='), fc.jsonValue()), {
        minLength: 18,
        maxLength: 18,
      })
      .map((list) => Buffer.from(JSON.stringify([1, ...list.slice(1)]))),
  );

  test('that somebody else wrote is refused, not thrown at', () => {
    const garbage = fc.record({
      key,
      value: fc.option(bytes),
      headers: fc.oneof(
        headers,
        header.map((one): RecordHeaders => ({ 'inorder-envelope': one })),
      ),
    });
    fc.assert(
      fc.property(garbage, (raw) => {
        const decoded = decodeLogicRecord({ ...raw, topic: 'im.logic', partition: 3, offset: 11, timestampMs: 0 });
        expect(decoded).toMatchObject({
          ok: false,
          reason: 'invalid_logic_record',
          detail: expect.stringContaining('offset 11'),
        });
      }),
      { numRuns: 1000 },
    );
  });

  test('with any one value in its header exchanged is refused, or can still be stored', () => {
    const foreign = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom(-1, 0, 1, 1e300, '', 'x\0', 'x'.repeat(300), null, 'YQ=='),
    );
    fc.assert(
      fc.property(ingestRecord, fc.nat(17), foreign, (record, position, value) => {
        const logic = logicRecordOf(record);
        const list = JSON.parse(String(logic.headers['inorder-envelope'])) as unknown[];
        list[position] = value;
        const decoded = decodeLogicRecord({
          ...logic,
          headers: { 'inorder-envelope': Buffer.from(JSON.stringify(list)) },
        });
        if (!decoded.ok) return;
        const { incoming } = decoded;
        expect(incoming.contentHash).toHaveLength(32);
        expect(record.value.includes(incoming.body)).toBe(true);
        const { conversationId, senderId, receiverId, groupId, clientMsgId, body, meta } = incoming;
        for (const kept of [conversationId, senderId, receiverId, groupId, clientMsgId, body, meta]) {
          // What PostgreSQL takes for text: not empty here, UTF-8, without U+0000.
          if (kept === null) continue;
          expect(kept.length).toBeGreaterThan(0);
          expect(isUtf8(Buffer.from(kept))).toBe(true);
          expect(kept.includes('\0')).toBe(false);
        }
        for (const count of [incoming.receivedAt, incoming.sentAt, incoming.senderSeq, incoming.prevSenderSeq]) {
          expect(count === null || (Number.isSafeInteger(count) && count >= 0)).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });
});

function stamped(incoming: Omit<Incoming, 'original' | 'logicOffset'>, late = false): StampedMessage {
  const msgId = (9_223_372_036_854_775_807n - BigInt(incoming.place.offset % 1000)) as MsgId;
  return {
    ...incoming,
    kind: 'message',
    msgId,
    seq: (1 + (incoming.place.offset % 1_000_000)) as Seq,
    stampedAt: 1_750_000_000_000,
    late,
  };
}

describe('a delivery record', () => {
  const message = fc.tuple(ingestRecord, fc.boolean()).map(([record, late]) => stamped(incomingOf(record), late));
  const recordOf = (one: StampedMessage): KafkaRecord => ({
    key: deliveryKey(one),
    value: renderDelivery(one),
    headers: deliveryHeaders(one, 42 as LaneEpoch),
    topic: 'im.delivery',
    partition: 0,
    offset: 0,
    timestampMs: 0,
  });

  test('is read as it was stamped, body and meta byte by byte', () => {
    fc.assert(
      fc.property(message, (one) => {
        const { conversationId, seq, msgId, senderId, receiverId, groupId, clientMsgId, senderSeq, senderEpoch } = one;
        const { sentAt, receivedAt, stampedAt, late, body, meta, traceparent, tracestate } = one;
        expect({ ...parseDelivery(recordOf(one)) }).toEqual({
          ...{ conversationId, seq, msgId, senderId, receiverId, groupId, clientMsgId, senderSeq, senderEpoch },
          ...{ sentAt, receivedAt, stampedAt, late, body, meta, traceparent, tracestate, laneEpoch: 42 },
        });
      }),
    );
  });

  test('is valid by its schema, with the fields in their order and absent values left out', () => {
    const order = ['conversationId', 'seq', 'msgId', 'senderId', 'receiverId', 'groupId', 'clientMsgId', 'senderSeq'];
    order.push('senderEpoch', 'sentAt', 'receivedAt', 'stampedAt', 'late', 'body', 'meta');
    fc.assert(
      fc.property(message, (one) => {
        const fields = JSON.parse(renderDelivery(one).toString()) as Record<string, unknown>;
        expect({ valid: isDelivery(fields), errors: isDelivery.errors }).toEqual({ valid: true, errors: null });
        const present = { ...one, late: one.late || null } as unknown as Record<string, unknown>;
        expect(Object.keys(fields)).toEqual(order.filter((name) => present[name] !== null));
      }),
    );
  });

  test('is the same, bytes and all, from what PostgreSQL keeps of the message', () => {
    fc.assert(
      fc.property(message, (one) => {
        const kept = (value: Buffer | null): Buffer | null =>
          value === null ? null : Buffer.from(value.toString('utf8'));
        const row = {
          ...one,
          body: kept(one.body) as Buffer,
          meta: kept(one.meta),
          msgId: BigInt(String(one.msgId)) as MsgId,
        };
        expect(renderDelivery(row).equals(renderDelivery(one))).toBe(true);
      }),
    );
  });
});

describe('a dead letter', () => {
  const reason = fc.constantFrom(...(Object.keys(DEAD_LETTER_REASONS) as DeadLetterReason[]));
  const input = fc.record({
    record: fc.record({ key, value: fc.option(bytes), headers }),
    place: fc.record({ partition: fc.nat(), offset: fc.maxSafeNat() }),
    topic: fc.constantFrom('im.ingest', 'other.ingest'),
    reason,
    detail: text,
    atMs: fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-01-01') }).map((date) => date.getTime()),
  });

  test("is the record as it came, null staying null, with the producer's headers and ours", () => {
    fc.assert(
      fc.property(input, (one) => {
        const dead = deadLetterRecord(one);
        expect(dead.key).toBe(one.record.key);
        expect(dead.value).toBe(one.record.value);
        const ours = Object.keys(dead.headers).filter((name) => name.startsWith('inorder-'));
        expect(ours.sort()).toEqual(
          ['at', 'detail', 'offset', 'partition', 'reason', 'topic'].map((n) => `inorder-dlq-${n}`),
        );
        expect(withoutOurs(dead.headers)).toEqual(withoutOurs(one.record.headers));
      }),
    );
  });

  test('is read as it was written', () => {
    fc.assert(
      fc.property(input, (one) => {
        const dead = deadLetterRecord(one);
        const read = parseDeadLetter({ ...dead, topic: 'im.dlq', partition: 0, offset: 0, timestampMs: 0 });
        const { record, ...rest } = one;
        expect(read).toMatchObject(rest);
        expect(read?.record.key).toEqual(record.key);
        expect(read?.record.value).toEqual(record.value);
        expect(Object.entries(read?.record.headers ?? {})).toEqual(withoutOurs(record.headers));
      }),
    );
  });

  test('keeps its headers in a table, every name and value of them', () => {
    fc.assert(
      fc.property(headers, (all) => {
        expect(Object.entries(decodeHeaders(encodeHeaders(all)))).toEqual(Object.entries(all));
      }),
    );
  });
});
