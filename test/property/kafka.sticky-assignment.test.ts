import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assignSticky, type GroupMember } from '../../src/kafka/sticky-assignment.js';

const TOPICS = ['a', 'b'];
const group = fc
  .record({
    counts: fc.tuple(fc.nat(12), fc.nat(12)),
    members: fc.uniqueArray(
      fc.record({
        memberId: fc.string({ minLength: 1, maxLength: 3 }),
        generation: fc.nat(3),
        // Claims may be contested, stale, or about partitions that do not exist.
        claims: fc.array(fc.tuple(fc.constantFrom(...TOPICS, 'gone'), fc.nat(14)), { maxLength: 20 }),
      }),
      { minLength: 1, maxLength: 6, selector: ({ memberId }) => memberId },
    ),
  })
  .map(({ counts, members }) => ({
    partitions: new Map(TOPICS.map((topic, index) => [topic, Array.from({ length: counts[index]! }, (_, one) => one)])),
    members: members.map(({ memberId, generation, claims }): GroupMember => {
      const owned = new Map<string, number[]>();
      for (const [topic, partition] of claims) owned.set(topic, [...(owned.get(topic) ?? []), partition]);
      return { memberId, generation, owned };
    }),
  }));

type Shares = ReturnType<typeof assignSticky>;
const placesOf = (share: ReadonlyMap<string, readonly number[]>): string[] =>
  [...share].flatMap(([topic, numbers]) => numbers.map((partition) => `${topic}/${partition}`));
const sizesOf = (shares: Shares): number[] => [...shares.values()].map((share) => placesOf(share).length);
const membersOf = (shares: Shares, generation = 1): GroupMember[] =>
  [...shares].map(([memberId, owned]) => ({ memberId, generation, owned }));

describe('the sticky assignment', () => {
  test('deals every partition to one member, and shares differ by one at most', () => {
    fc.assert(
      fc.property(group, ({ members, partitions }) => {
        const shares = assignSticky(members, partitions);
        expect([...shares.values()].flatMap(placesOf).sort()).toEqual(placesOf(partitions).sort());
        expect([...shares.keys()].sort()).toEqual(members.map(({ memberId }) => memberId).sort());
        expect(Math.max(...sizesOf(shares)) - Math.min(...sizesOf(shares))).toBeLessThanOrEqual(1);
      }),
    );
  });

  test('does not depend on the order in which the members come', () => {
    fc.assert(
      fc.property(group, ({ members, partitions }) => {
        const sorted = (shares: Shares): unknown => [...shares].map(([id, share]) => [id, placesOf(share)]).sort();
        expect(sorted(assignSticky(members.toReversed(), partitions))).toEqual(
          sorted(assignSticky(members, partitions)),
        );
      }),
    );
  });

  test('moves nothing when nobody came or left', () => {
    fc.assert(
      fc.property(group, ({ members, partitions }) => {
        const shares = assignSticky(members, partitions);
        expect(assignSticky(membersOf(shares), partitions)).toEqual(shares);
      }),
    );
  });

  test('moves no more than must move when one comes or leaves', () => {
    fc.assert(
      fc.property(group, fc.boolean(), ({ members, partitions }, comes) => {
        const before = assignSticky(members, partitions);
        const total = placesOf(partitions).length;
        const stayed = membersOf(before);
        const now = comes
          ? [...stayed, { memberId: 'newcomer', generation: -1, owned: new Map<string, number[]>() }]
          : stayed.slice(1);
        fc.pre(now.length > 0);
        const after = assignSticky(now, partitions);
        const kept = [...after].flatMap(([id, share]) => {
          const had = new Set(placesOf(before.get(id) ?? new Map()));
          return placesOf(share).filter((place) => had.has(place));
        });
        // A newcomer must get its share; what a leaver had must go somewhere. Nothing else moves.
        const newcomersShare = comes ? placesOf(after.get('newcomer')!).length : 0;
        const leaversShare = comes ? 0 : placesOf(before.get(members[0]!.memberId)!).length;
        expect(total - kept.length).toBe(newcomersShare + leaversShare);
      }),
    );
  });

  test('believes the younger of two claims', () => {
    const old = { memberId: 'a', generation: 4, owned: new Map([['t', [0]]]) };
    const young = { memberId: 'b', generation: 5, owned: new Map([['t', [0]]]) };
    const shares = assignSticky([old, young], new Map([['t', [0, 1]]]));
    expect(shares.get('b')).toEqual(new Map([['t', [0]]]));
  });
});
