import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { IngestWorld, SEND_OUTCOMES, type IngestFlaw, type SendOutcome } from '../support/ingest-world.js';

type Move =
  | { kind: 'fetch'; owner: number; partition: number; count: number }
  | { kind: 'answer'; owner: number; outcome: SendOutcome; cutAt: number }
  | { kind: 'pass'; ms: number }
  | { kind: 'rebalance'; hears: boolean[] }
  | { kind: 'kill'; owner: number; written: boolean }
  | { kind: 'arrive' };

const OWNERS = 3;
const owner = fc.nat(OWNERS - 1);

const move: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('fetch' as const),
      owner,
      partition: fc.nat(1),
      count: fc.integer({ min: 1, max: 5 }),
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('answer' as const),
      owner,
      outcome: fc.oneof(
        { weight: 5, arbitrary: fc.constant('acknowledged' as const) },
        fc.constantFrom(...SEND_OUTCOMES),
      ),
      cutAt: fc.nat(3),
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(0, 20, 250) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('rebalance' as const),
      hears: fc.array(fc.boolean(), { minLength: OWNERS, maxLength: OWNERS }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('kill' as const), owner, written: fc.boolean() }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'arrive' as const }) },
);

const history = fc.record({
  partitionSizes: fc.array(fc.integer({ min: 0, max: 25 }), { minLength: 1, maxLength: 2 }),
  moves: fc.array(move, { minLength: 10, maxLength: 80 }),
});

async function play(world: IngestWorld, moves: readonly Move[]): Promise<void> {
  await world.start();
  for (const one of moves) {
    if (one.kind === 'fetch') world.fetch(one.owner, one.partition, one.count);
    else if (one.kind === 'answer') world.answer(one.owner, one.outcome, one.cutAt);
    else if (one.kind === 'rebalance') world.rebalance(one.hears);
    else if (one.kind === 'kill') world.kill(one.owner, one.written);
    else if (one.kind === 'arrive') world.arriveLate();
    await world.clock.pass(one.kind === 'pass' ? one.ms : 0);
  }
  await world.settle();
}

test('records first appear in the order of their ingest partition, none is lost and none committed unsent, whichever owners send, stall, fail and die', async () => {
  await fc.assert(
    fc.asyncProperty(history, async ({ partitionSizes, moves }) => {
      const world = new IngestWorld({ partitionSizes, ownerCount: OWNERS });
      await play(world, moves);
      expect(world.verdict()).toEqual([]);
    }),
    { numRuns: 1000 },
  );
});

describe('the property can fail: a planted flaw is found', () => {
  test.each<IngestFlaw>(['unknown-taken-for-done', 'starts-beyond-the-commit'])('%s', async (flaw) => {
    const found = await fc.check(
      fc.asyncProperty(history, async ({ partitionSizes, moves }) => {
        const world = new IngestWorld({ partitionSizes, ownerCount: OWNERS, flaw });
        await play(world, moves);
        expect(world.verdict()).toEqual([]);
      }),
      { numRuns: 300, endOnFailure: true },
    );
    expect(found.failed).toBe(true);
  });
});
