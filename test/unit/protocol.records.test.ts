import { describe, expect, test } from '@jest/globals';
import { deliveryHeaders, deliveryKey, parseDelivery, renderDelivery } from '../../src/protocol/delivery.js';
import type { ConversationId, LaneEpoch, MsgId, Seq } from '../../src/protocol/ids.js';
import { decodeLogicRecord, encodeLogicRecord } from '../../src/protocol/logic-record.js';
import type { StampedMessage } from '../../src/protocol/message.js';
import { parseEnvelope } from '../../src/protocol/parse-envelope.js';
import { topicNames } from '../../src/protocol/topics.js';
import type { KafkaRecord } from '../../src/record.js';
import { stampedMessage } from '../support/stamped.js';

const BIG = '{ "seq":9007199254740993, "far" : 1e400,"long":0.1000000000000000055511151231257827,"text":"\\u00e9" }';

/** The delivery record of a message, and the record as a consumer gets it. */
function delivered(message: StampedMessage): KafkaRecord {
  return {
    key: deliveryKey(message),
    value: renderDelivery(message),
    headers: deliveryHeaders(message, 12 as LaneEpoch),
    topic: 'im.delivery',
    partition: 2,
    offset: 5,
    timestampMs: 0,
  };
}

describe('a delivery record', () => {
  const bare = stampedMessage({
    conversationId: 'single:alice:bob' as ConversationId,
    groupId: null,
    receiverId: 'bob',
    clientMsgId: 'm-1',
    seq: 7 as Seq,
    msgId: 9_223_372_036_854_775_807n as MsgId,
    sentAt: 1,
    receivedAt: 2,
    stampedAt: 3,
  });

  test('has the fields of the contract, in one order, and none that are absent', () => {
    expect(renderDelivery(bare).toString()).toBe(
      '{"conversationId":"single:alice:bob","seq":7,"msgId":"9223372036854775807","senderId":"alice","receiverId":"bob",' +
        '"clientMsgId":"m-1","sentAt":1,"receivedAt":2,"stampedAt":3,"body":"hello"}',
    );
  });

  test('has every field where each has a value; prevSenderSeq is not one of them', () => {
    const whole = {
      ...bare,
      ...{ receiverId: null, groupId: 'g"', conversationId: 'group:g"' as ConversationId },
      ...{ senderSeq: 9, prevSenderSeq: 8, senderEpoch: 0, late: true, meta: Buffer.from('{}') },
    };
    expect(renderDelivery(whole).toString()).toBe(
      '{"conversationId":"group:g\\"","seq":7,"msgId":"9223372036854775807","senderId":"alice","groupId":"g\\"",' +
        '"clientMsgId":"m-1","senderSeq":9,"senderEpoch":0,"sentAt":1,"receivedAt":2,"stampedAt":3,"late":true,' +
        '"body":"hello","meta":{}}',
    );
  });

  test('carries numbers beyond doubles as they were written', () => {
    const message = { ...bare, body: Buffer.from(BIG), meta: Buffer.from(`{"m":${BIG}}`) };
    const read = parseDelivery(delivered(message));
    expect(read.body.toString()).toBe(BIG);
    expect(read.meta?.toString()).toBe(`{"m":${BIG}}`);
    expect(read.bodyJson()).toMatchObject({ text: 'é' });
    expect(read.metaJson()).toMatchObject({ m: { text: 'é' } });
    expect(parseDelivery(delivered(bare)).metaJson()).toBeNull();
  });

  test("has the lane's epoch and the trace context in its headers", () => {
    const traced = { ...bare, traceparent: Buffer.from('00-ab-cd-01'), tracestate: Buffer.from('v=1') };
    const record = delivered(traced);
    expect(Object.entries(record.headers).map(([name, value]) => [name, String(value)])).toEqual([
      ['inorder-epoch', '12'],
      ['traceparent', '00-ab-cd-01'],
      ['tracestate', 'v=1'],
    ]);
    expect(parseDelivery(record)).toMatchObject({ laneEpoch: 12, traceparent: traced.traceparent });
    expect(parseDelivery({ ...record, headers: {} })).toMatchObject({ laneEpoch: null, traceparent: null });
  });

  test.each<[string, Buffer | null]>([
    ['no value', null],
    ['not JSON', Buffer.from('hello')],
    ['not an object', Buffer.from('[]')],
    ['a field too few', Buffer.from(renderDelivery(bare).toString().replace('"seq":7,', ''))],
    ['a field too many', Buffer.from(renderDelivery(bare).toString().replace('"seq"', '"x":1,"seq"'))],
    ['a name twice', Buffer.from(renderDelivery(bare).toString().replace('"seq"', '"seq":8,"seq"'))],
    ['late: false', Buffer.from(renderDelivery(bare).toString().replace('"body"', '"late":false,"body"'))],
  ])('is told from a record with %s, which somebody else wrote', (_, value) => {
    expect(() => parseDelivery({ ...delivered(bare), value })).toThrow(
      /offset 5 of im\.delivery.*is not a delivery record/,
    );
  });
});

describe('a logic record', () => {
  const value = Buffer.from('{"senderId":"alice","groupId":"g","clientMsgId":"m","sentAt":1,"body":{"a":1},"meta":{}}');
  const ingest: KafkaRecord = {
    topic: 'im.ingest',
    partition: 4,
    offset: 77,
    timestampMs: 1_764_000_000_000,
    key: Buffer.from('any'),
    value,
    headers: {},
  };

  function logicRecordOf(record: KafkaRecord): KafkaRecord {
    const parsed = parseEnvelope(record.value, { maxValueBytes: 1000 });
    if (!parsed.ok) throw new Error(parsed.detail);
    return {
      ...encodeLogicRecord(parsed.envelope, record),
      topic: 'im.logic',
      partition: 1,
      offset: 9,
      timestampMs: 0,
    };
  }

  test.each([
    ['null', null],
    ['empty', Buffer.alloc(0)],
    ['binary', Buffer.from([0, 255, 34, 92])],
  ])('brings a key that is %s back for a dead letter', (_, key) => {
    const decoded = decodeLogicRecord(logicRecordOf({ ...ingest, key }));
    expect(decoded.ok && decoded.incoming.original.key).toEqual(key);
  });

  test('takes the first of trace headers that are there twice, and passes all of them on', () => {
    const traceparent = [Buffer.from('first'), Buffer.from('second')];
    const decoded = decodeLogicRecord(logicRecordOf({ ...ingest, headers: { traceparent, tracestate: [] } }));
    expect(decoded.ok && decoded.incoming).toMatchObject({ traceparent: traceparent[0], tracestate: null });
    expect(decoded.ok && decoded.incoming.original.headers).toEqual({ traceparent, tracestate: [] });
  });

  test('has one header of ours, whatever the producer sent under our names', () => {
    const forged = {
      'inorder-envelope': Buffer.from('[1]'),
      'inorder-epoch': Buffer.from('99'),
      'x-app': Buffer.from('1'),
    };
    const record = logicRecordOf({ ...ingest, headers: forged });
    expect(Object.keys(record.headers)).toEqual(['x-app', 'inorder-envelope']);
    expect(decodeLogicRecord(record)).toMatchObject({ ok: true, incoming: { place: { partition: 4, offset: 77 } } });
  });

  test.each([
    [-1, 0],
    [Number.MAX_VALUE, Number.MAX_SAFE_INTEGER],
    [Number.NaN, 0],
  ])('bears a time stamp that no broker sets (%p)', (timestampMs, receivedAt) => {
    expect(decodeLogicRecord(logicRecordOf({ ...ingest, timestampMs }))).toMatchObject({
      ok: true,
      incoming: { receivedAt },
    });
  });

  test('that is none gives its own place, and says so', () => {
    expect(decodeLogicRecord({ ...ingest, topic: 'im.logic', partition: 1, offset: 9 })).toEqual({
      ok: false,
      reason: 'invalid_logic_record',
      detail:
        'the record at offset 9 of im.logic, partition 1, was not written by the ingest stage: it has no header ' +
        'inorder-envelope, or one that is not a list; its place in the ingest topic is not known, that in the logic topic ' +
        'is given instead',
      place: { partition: 1, offset: 9 },
      original: { key: ingest.key, value, headers: {} },
    });
  });

  test('with another value than its header speaks of gives the place in the ingest topic', () => {
    for (const other of [null, Buffer.from('{}'), Buffer.from([0xff]), Buffer.alloc(100)]) {
      const decoded = decodeLogicRecord({ ...logicRecordOf(ingest), value: other });
      expect(decoded).toMatchObject({ ok: false, place: { partition: 4, offset: 77 } });
    }
  });

  describe('with a header that was tampered with', () => {
    const emoji = { ...ingest, value: Buffer.from(value.toString().replace('{"a":1}', '"\u{1f600}"')) };

    /** The record with values of its header exchanged, by position. */
    function tampered(record: KafkaRecord, changes: Readonly<Record<number, unknown>>): KafkaRecord {
      const logic = logicRecordOf(record);
      const list = JSON.parse(String(logic.headers['inorder-envelope'])) as unknown[];
      for (const [position, change] of Object.entries(changes)) list[Number(position)] = change;
      return { ...logic, headers: { 'inorder-envelope': Buffer.from(JSON.stringify(list)) } };
    }

    const bodyAt = emoji.value.indexOf('"\u{1f600}"');
    test.each<[string, Record<number, unknown>]>([
      ['an unknown format', { 0: 2 }],
      ['neither receiver nor group', { 6: null }],
      ['both of them', { 5: 'bob' }],
      ['U+0000 in an id', { 4: 'a\0' }],
      ['an empty id', { 7: '' }],
      ['a negative number', { 9: -1 }],
      ['a fraction', { 8: 1.5 }],
      ['an empty body', { 12: bodyAt, 13: bodyAt }],
      ['a body that begins inside a character', { 12: bodyAt + 3 }],
      ['a body that ends inside a character', { 13: bodyAt + 3 }],
      ['a body beyond the value', { 13: emoji.value.length + 1 }],
      ['a meta that ends before it begins', { 14: 9, 15: 8 }],
      ['half a hash', { 16: 'YWJj' }],
    ])('(%s) is refused', (_, changes) => {
      expect(decodeLogicRecord(tampered(emoji, {}))).toMatchObject({ ok: true });
      expect(decodeLogicRecord(tampered(emoji, changes))).toMatchObject({ ok: false, reason: 'invalid_logic_record' });
    });

    test('(an empty meta) has none', () => {
      expect(decodeLogicRecord(tampered(ingest, { 14: 5, 15: 5 }))).toMatchObject({
        ok: true,
        incoming: { meta: null },
      });
    });

    test.each([
      ['none', null],
      ['empty', Buffer.alloc(0)],
      ['longer than any conversation id', Buffer.alloc(1033, 97)],
      ['not UTF-8', Buffer.from([0xff])],
    ])('(its key is %s) is refused', (_, key) => {
      expect(decodeLogicRecord({ ...logicRecordOf(ingest), key })).toMatchObject({ ok: false });
    });
  });

  test('is not made of an envelope of another record: a bug', () => {
    const parsed = parseEnvelope(value, { maxValueBytes: 1000 });
    if (!parsed.ok) throw new Error(parsed.detail);
    expect(() => encodeLogicRecord(parsed.envelope, { ...ingest, value: Buffer.from(value) })).toThrow(/views of/);
  });
});

test('the topics of a prefix', () => {
  expect(topicNames('chat')).toEqual({
    ingest: 'chat.ingest',
    logic: 'chat.logic',
    delivery: 'chat.delivery',
    dlq: 'chat.dlq',
  });
});
