/** Takeovers while messages are held: the next owner goes on where the former one was, by stored deadlines. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { LaneWorld, type Breakage } from './lane-world.js';
import type { Draft } from './records.js';

type Step = { kind: 'append'; count: number } | { kind: 'pass'; ms: number };

/** Two senders' chains, in any order, some of it doubled. */
const drafts: fc.Arbitrary<Draft[]> = fc
  .uniqueArray(fc.integer({ min: 0, max: 11 }), { minLength: 2, maxLength: 12 })
  .chain((numbers) => fc.tuple(fc.constant(numbers), fc.array(fc.constantFrom(...numbers), { maxLength: 3 })))
  .map(([numbers, again]) =>
    [...numbers, ...again].map((number) => {
      const senderSeq = Math.floor(number / 2) + 1;
      const sender = number % 2 === 0 ? 'alice' : 'bob';
      return {
        ...{ conversation: 1, clientMsgId: `${sender}:${senderSeq}`, content: 0, sender },
        ...{ senderSeq, prevSenderSeq: senderSeq - 1, senderEpoch: 1 },
      };
    }),
  );
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('append' as const), count: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 400 }) }),
);
const steps = fc.array(step, { minLength: 4, maxLength: 12 });

function take(world: LaneWorld, one: Step): void {
  if (one.kind === 'append') world.append(one.count);
  else world.pass(one.ms);
}

/** What was delivered, in order: which message, its seq, and whether it was late. */
function outcome(world: LaneWorld): string[] {
  world.settle();
  return world.delivered.map((one) =>
    one.kind === 'message' ? `${one.seq} ${one.clientMsgId}${one.late ? ' late' : ''}` : one.reason,
  );
}

/** @param takeovers before which steps a new owner comes. */
function played(all: readonly Draft[], list: readonly Step[], takeovers: ReadonlySet<number>, breakage?: Breakage) {
  const world = new LaneWorld(all, breakage);
  world.assign();
  list.forEach((one, index) => {
    if (takeovers.has(index)) world.replaceOwner();
    take(world, one);
    world.runUntilQuiet();
  });
  return outcome(world);
}

/** The owner is dead from one step to another; what happens meanwhile happens to nobody. */
function withDowntime(all: readonly Draft[], list: readonly Step[], [from, to]: [number, number], breakage?: Breakage) {
  const world = new LaneWorld(all, breakage);
  world.assign();
  list.forEach((one, index) => {
    if (index === from) world.kill(0);
    if (index === to) world.assign();
    take(world, one);
    if (index < from || index >= to) world.runUntilQuiet();
  });
  return outcome(world);
}

const lateOf = (delivered: readonly string[]): string[] =>
  delivered.filter((one) => one.endsWith(' late')).map((one) => one.replace(/^\d+ /, ''));

const moments = fc.uniqueArray(fc.nat(11), { minLength: 1, maxLength: 4 }).map((list) => new Set(list));
const downtime = fc
  .tuple(fc.nat(5), fc.integer({ min: 1, max: 6 }))
  .map(([from, length]): [number, number] => [from, from + length]);

test('takeovers at any moments during holds change nothing: the same messages, in the same order, late or not', () => {
  fc.assert(
    fc.property(drafts, steps, moments, (all, list, takeovers) => {
      expect(played(all, list, takeovers)).toEqual(played(all, list, new Set()));
    }),
    { numRuns: 250 },
  );
});

test('nobody is late because nobody owned the lane for a while', () => {
  fc.assert(
    fc.property(drafts, steps, downtime, (all, list, during) => {
      const lateAnyway = lateOf(played(all, list, new Set()));
      expect(lateAnyway).toEqual(expect.arrayContaining(lateOf(withDowntime(all, list, during))));
    }),
    { numRuns: 250 },
  );
});

describe('the properties can fail', () => {
  test.each<Breakage>(['holds-forgotten', 'windows-begun-anew'])('%s', (breakage) => {
    const property = fc.property(drafts, steps, moments, (all, list, takeovers) => {
      const found = played(all, list, takeovers, breakage);
      return JSON.stringify(found) === JSON.stringify(played(all, list, new Set()));
    });
    expect(fc.check(property, { numRuns: 20_000, endOnFailure: true }).failed).toBe(true);
  });

  test('not-caught-up', () => {
    const property = fc.property(drafts, steps, downtime, (all, list, during) => {
      const lateAnyway = new Set(lateOf(played(all, list, new Set())));
      return lateOf(withDowntime(all, list, during, 'not-caught-up')).every((one) => lateAnyway.has(one));
    });
    expect(fc.check(property, { numRuns: 20_000, endOnFailure: true }).failed).toBe(true);
  });
});
