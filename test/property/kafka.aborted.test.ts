import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { AbortedFilter, type AbortedTransaction, type BatchOfProducer } from '../../src/kafka/aborted.js';

interface Written extends BatchOfProducer {
  /** Told by the model when the transaction ends. */
  committed: boolean;
}

/** A log that producers wrote in any order, and the list a broker would send: by the offset of the markers. */
function logOf(steps: readonly { producerId: number; end: 'abort' | 'commit' | null }[]): {
  log: Written[];
  aborted: AbortedTransaction[];
} {
  const log: Written[] = [];
  const aborted: AbortedTransaction[] = [];
  const open = new Map<number, Written[]>();
  for (const { producerId, end } of steps) {
    const batch: Written = { producerId, lastOffset: log.length, transactional: true, marker: end, committed: false };
    const own = open.get(producerId) ?? [];
    if (end !== null && own.length === 0) continue;
    log.push(batch);
    if (end === null) {
      open.set(producerId, [...own, batch]);
      continue;
    }
    for (const one of own) one.committed = end === 'commit';
    if (end === 'abort') aborted.push({ producerId, firstOffset: own[0]!.lastOffset });
    open.delete(producerId);
  }
  return { log: log.filter((batch) => ![...open.values()].flat().includes(batch)), aborted };
}

test('exactly the records of committed transactions are seen, whoever overlaps whom and wherever the fetch begins', () => {
  const step = fc.record({
    producerId: fc.integer({ min: 1, max: 3 }),
    end: fc.constantFrom('abort' as const, 'commit' as const, null, null, null),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.nat(60), fc.boolean(), (steps, from, shuffled) => {
      const { log, aborted } = logOf(steps);
      const fetched = log.filter(({ lastOffset }) => lastOffset >= from);
      // A broker lists what overlaps the range; transactions that ended before it are not among them.
      const ends = (one: AbortedTransaction): number =>
        log.find(
          (batch) =>
            batch.marker === 'abort' && batch.producerId === one.producerId && batch.lastOffset > one.firstOffset,
        )!.lastOffset;
      const listed = aborted.filter((one) => ends(one) >= from);
      const filter = new AbortedFilter(shuffled ? listed.toReversed() : listed);
      const seen = fetched.filter((batch) => !filter.isAborted(batch) && batch.marker === null);
      expect(seen).toEqual(fetched.filter(({ committed, marker }) => committed && marker === null));
    }),
    { numRuns: 500 },
  );
});
