import { describe, expect, test } from '@jest/globals';
import { AbortedFilter, type BatchOfProducer } from '../../src/kafka/aborted.js';

const data = (producerId: number, lastOffset: number): BatchOfProducer => ({
  producerId,
  lastOffset,
  transactional: true,
  marker: null,
});
const marker = (producerId: number, lastOffset: number, kind: 'abort' | 'commit'): BatchOfProducer => ({
  ...data(producerId, lastOffset),
  marker: kind,
});

function visible(aborted: { producerId: number; firstOffset: number }[], batches: BatchOfProducer[]): number[] {
  const filter = new AbortedFilter(aborted);
  return batches.filter((batch) => !filter.isAborted(batch) && batch.marker === null).map((batch) => batch.lastOffset);
}

describe('the filter of aborted records', () => {
  test('hides both of two overlapping aborted transactions, although the broker lists them by their end', () => {
    // Producer 1 begins first and is aborted last: the broker's list has producer 2 in front.
    const list = [
      { producerId: 2, firstOffset: 1 },
      { producerId: 1, firstOffset: 0 },
    ];
    const log = [
      data(1, 0),
      data(2, 1),
      data(3, 2),
      marker(2, 3, 'abort'),
      data(1, 4),
      marker(1, 5, 'abort'),
      data(1, 6),
    ];
    expect(visible(list, log)).toEqual([2, 6]);
  });

  test('shows the next transaction of a producer whose last one was aborted', () => {
    const list = [{ producerId: 1, firstOffset: 0 }];
    expect(visible(list, [data(1, 0), marker(1, 1, 'abort'), data(1, 2), marker(1, 3, 'commit')])).toEqual([2]);
  });

  test('hides each of several aborted transactions of one producer', () => {
    const list = [
      { producerId: 1, firstOffset: 0 },
      { producerId: 1, firstOffset: 4 },
    ];
    const log = [
      data(1, 0),
      marker(1, 1, 'abort'),
      data(1, 2),
      marker(1, 3, 'commit'),
      data(1, 4),
      marker(1, 5, 'abort'),
      data(1, 6),
    ];
    expect(visible(list, log)).toEqual([2, 6]);
  });

  test('hides an aborted transaction that began before the fetch', () => {
    expect(visible([{ producerId: 1, firstOffset: 10 }], [data(1, 500), marker(1, 501, 'abort')])).toEqual([]);
  });

  test('shows what a producer wrote outside of transactions', () => {
    const plain = { ...data(1, 1), transactional: false };
    expect(visible([{ producerId: 1, firstOffset: 0 }], [data(1, 0), plain, marker(1, 2, 'abort')])).toEqual([1]);
  });
});
