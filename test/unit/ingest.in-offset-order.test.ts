import { expect, test } from '@jest/globals';
import type { UndecodableBatch } from '../../src/kafka/read-records.js';
import type { KafkaRecord } from '../../src/record.js';
import { inOffsetOrder, isUndecodable } from '../../src/stages/in-offset-order.js';

const record = (offset: number): KafkaRecord => ({
  ...{ topic: 't', partition: 0, offset, timestampMs: 0, key: null, value: null, headers: {} },
});
const undecodable = (firstOffset: number, lastOffset: number): UndecodableBatch => ({
  ...{ firstOffset, lastOffset, timestampMs: 0, reason: 'damaged', bytes: Buffer.alloc(0) },
});

function orderOf(records: number[], batches: [number, number][]): string[] {
  const fetched = {
    records: records.map(record),
    undecodable: batches.map(([first, last]) => undecodable(first, last)),
  };
  return [...inOffsetOrder(fetched)].map((one) =>
    isUndecodable(one) ? `${one.firstOffset}-${one.lastOffset}` : String(one.offset),
  );
}

test('batches that cannot be decoded come where they lay: before, between and behind the records', () => {
  expect(
    orderOf(
      [5, 6, 20],
      [
        [0, 4],
        [7, 12],
        [13, 19],
        [21, 21],
      ],
    ),
  ).toEqual(['0-4', '5', '6', '7-12', '13-19', '20', '21-21']);
});

test('one without the other is just that', () => {
  expect(orderOf([1, 2], [])).toEqual(['1', '2']);
  expect(orderOf([], [[1, 2]])).toEqual(['1-2']);
  expect(orderOf([], [])).toEqual([]);
});
