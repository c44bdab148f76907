import { describe, expect, test } from '@jest/globals';
import type { Log, LogFields } from '../../src/observe/log.js';
import { silentLog } from '../../src/observe/log.js';
import { partitionOf } from '../../src/kafka/partitioner.js';
import { parseDeadLetter } from '../../src/protocol/dead-letter.js';
import { decodeLogicRecord } from '../../src/protocol/logic-record.js';
import type { KafkaRecord } from '../../src/record.js';
import type { RoutedRecord } from '../../src/stages/ingest/partition-queue.js';
import { RecordRouter } from '../../src/stages/ingest/route-record.js';
import { ManualClock } from '../support/manual-clock.js';

const ENVELOPE = '{"senderId":"a","groupId":"g","clientMsgId":"m","sentAt":1,"body":"hello"}';
const AT_MS = Date.UTC(2026, 0, 1);

function setUp(limits = { maxLogicRecordBytes: 50_000, maxDeadLetterBytes: 60_000 }) {
  const errors: { event: string; fields: LogFields | undefined }[] = [];
  const log: Log = {
    ...silentLog,
    error: (event, fields) => {
      errors.push({ event, fields });
    },
  };
  const router = new RecordRouter({
    ...{ logicTopic: 't.logic', logicPartitions: 8, dlqTopic: 't.dlq', dlqPartitions: 3 },
    ...{ maxValueBytes: 4_096, ...limits, clock: new ManualClock(AT_MS), log },
  });
  return { router, errors };
}

function ingested(given: Partial<KafkaRecord> = {}): KafkaRecord {
  const place = { topic: 't.ingest', partition: 5, offset: 77, timestampMs: 1_234 };
  return { ...place, key: null, value: Buffer.from(ENVELOPE), headers: {}, ...given };
}

/** The routed record as a reader of its topic sees it. */
function asRead({ topic, partition, key, value, headers }: RoutedRecord): KafkaRecord {
  return { topic, partition, key, value, headers, offset: 0, timestampMs: 0 };
}

test('an envelope goes to the partition of its conversation, with its place and the time of the broker', () => {
  const routed = setUp().router.route(ingested({ key: Buffer.from('any') }));
  expect(routed).toMatchObject({ topic: 't.logic', nextOffset: 78, refusedFor: null });
  expect(routed.partition).toBe(partitionOf(Buffer.from('group:g'), 8));
  const decoded = decodeLogicRecord(asRead(routed));
  expect(decoded).toMatchObject({ ok: true, incoming: { place: { partition: 5, offset: 77 }, receivedAt: 1_234 } });
});

test('a bad record goes to the dead letter partition of its own partition, unchanged, with place, reason and time', () => {
  const value = Buffer.from('{"senderId":1');
  const routed = setUp().router.route(ingested({ value }));
  expect(routed).toMatchObject({ topic: 't.dlq', partition: 5 % 3, nextOffset: 78, refusedFor: 'not_json', value });
  expect(parseDeadLetter(asRead(routed))).toMatchObject({
    reason: 'not_json',
    topic: 't.ingest',
    place: { partition: 5, offset: 77 },
    atMs: AT_MS,
  });
});

describe('what is too large', () => {
  test('a good value under a key or headers that the logic topic would not take is a dead letter', () => {
    const { router } = setUp();
    const byKey = router.route(ingested({ key: Buffer.alloc(45_000) }));
    expect(byKey).toMatchObject({ topic: 't.dlq', refusedFor: 'too_large', key: Buffer.alloc(45_000) });
    const byHeaders = router.route(ingested({ headers: { a: [Buffer.alloc(25_000), Buffer.alloc(25_000)] } }));
    expect(byHeaders.refusedFor).toBe('too_large');
  });

  test('a dead letter that its topic would not take keeps the beginnings, and says how long everything was', () => {
    const value = Buffer.alloc(100_000, 'v');
    const routed = setUp().router.route(
      ingested({ key: Buffer.alloc(2_000, 'k'), value, headers: { h: Buffer.alloc(9) } }),
    );
    expect(routed).toMatchObject({ topic: 't.dlq', refusedFor: 'too_large' });
    expect(routed.byteLength).toBeLessThan(60_000);
    expect(routed.value).toEqual(value.subarray(0, 1_024));
    expect(routed.key).toEqual(Buffer.alloc(1_024, 'k'));
    const { record, place } = parseDeadLetter(asRead(routed)) ?? {};
    expect(place).toEqual({ partition: 5, offset: 77 });
    expect(record?.headers['h']).toBeUndefined();
    expect(String(record?.headers['cut-from-bytes'])).toMatch(/^key 2000, value 100000, with headers 102\d\d\d$/);
  });

  test('null stays null when the rest is cut', () => {
    const routed = setUp().router.route(ingested({ value: null, headers: { h: Buffer.alloc(100_000) } }));
    expect(routed).toMatchObject({ refusedFor: 'null_value', key: null, value: null });
  });
});

test('a batch that cannot be unpacked is one dead letter with its bytes, and reading goes on behind it', () => {
  const batch = {
    firstOffset: 10,
    lastOffset: 19,
    timestampMs: 1,
    reason: 'unknown codec 7',
    bytes: Buffer.from('raw'),
  };
  const routed = setUp().router.routeUndecodable({ topic: 't.ingest', partition: 4 }, batch);
  expect(routed).toMatchObject({ topic: 't.dlq', partition: 1, nextOffset: 20, refusedFor: 'undecodable_batch' });
  expect(routed.value).toEqual(Buffer.from('raw'));
  expect(parseDeadLetter(asRead(routed))).toMatchObject({
    detail: 'unknown codec 7',
    place: { partition: 4, offset: 10 },
  });
});

test('a bug of ours on one record makes a dead letter and an error line, not a partition that stands still', () => {
  const { router, errors } = setUp();
  let readCount = 0;
  const record: KafkaRecord = Object.defineProperty({ ...ingested() }, 'headers', {
    get: () => {
      readCount += 1;
      if (readCount === 1) throw new Error('planted');
      return {};
    },
  });
  const routed = router.route(record);
  expect(routed).toMatchObject({
    topic: 't.dlq',
    refusedFor: 'internal_error',
    nextOffset: 78,
    value: Buffer.from(ENVELOPE),
  });
  expect(parseDeadLetter(asRead(routed))?.detail).toContain('planted');
  expect(errors.map(({ fields }) => fields)).toMatchObject([{ partition: 5, offset: 77 }]);
});
