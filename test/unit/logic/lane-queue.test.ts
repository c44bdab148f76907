import { expect, test } from '@jest/globals';
import type { KafkaRecord } from '../../../src/record.js';
import { LaneQueue } from '../../../src/stages/logic/lane-queue.js';

const record = (offset: number, size = 10): KafkaRecord => ({
  topic: 't',
  partition: 0,
  offset,
  timestampMs: 0,
  key: null,
  value: Buffer.alloc(size),
  headers: {},
});
const offsets = (records: readonly KafkaRecord[]): number[] => records.map(({ offset }) => offset);

test('records come out in the order they went in, whatever the sizes of batches', () => {
  const queue = new LaneQueue({ maxRecords: 100, maxBytes: 1_000_000 });
  queue.push([record(0), record(1), record(2)]);
  expect(offsets(queue.take(2, 1000))).toEqual([0, 1]);
  queue.push([record(3), record(4)]);
  expect(offsets(queue.take(10, 1000))).toEqual([2, 3, 4]);
  expect(queue.take(10, 1000)).toEqual([]);
});

test('a batch is bounded by bytes, but a record larger than the bound goes alone instead of never', () => {
  const queue = new LaneQueue({ maxRecords: 100, maxBytes: 1_000_000 });
  queue.push([record(0, 500), record(1, 20), record(2, 20)]);
  expect(offsets(queue.take(10, 100))).toEqual([0]);
  expect(offsets(queue.take(10, 30))).toEqual([1]);
});

test('full by count or by bytes; low again at half of both', () => {
  const byCount = new LaneQueue({ maxRecords: 4, maxBytes: 1_000_000 });
  byCount.push([record(0), record(1), record(2), record(3)]);
  expect([byCount.isFull, byCount.isLow]).toEqual([true, false]);
  byCount.take(2, 1000);
  expect([byCount.isFull, byCount.isLow]).toEqual([false, true]);
  const byBytes = new LaneQueue({ maxRecords: 1000, maxBytes: 100 });
  byBytes.push([record(0, 60), record(1, 60)]);
  expect([byBytes.isFull, byBytes.isLow]).toEqual([true, false]);
  byBytes.take(2, 1000);
  expect([byBytes.isFull, byBytes.isLow, byBytes.length]).toEqual([false, true, 0]);
});
