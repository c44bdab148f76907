import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { conversationIdOf } from '../../src/protocol/conversation-id.js';
import { byCodePoint, id } from './protocol.arbitraries.js';

/** Ids that a sloppy encoding confuses. */
const trickyId = fc.oneof(
  id,
  fc.string({ unit: fc.constantFrom('a', ':', '%', '2', '5', '3', 'A'), minLength: 1, maxLength: 5 }),
);

type Ends = readonly [kind: 'single', a: string, b: string] | readonly [kind: 'group', id: string];
const ends: fc.Arbitrary<Ends> = fc.oneof(
  fc.tuple(fc.constant('single' as const), trickyId, trickyId),
  fc.tuple(fc.constant('group' as const), trickyId),
);

function idOf(one: Ends): string {
  return one[0] === 'group' ? conversationIdOf('anybody', null, one[1]) : conversationIdOf(one[1], one[2], null);
}

/** Equal exactly for the same two people, or the same group. */
function identity(one: Ends): string {
  return JSON.stringify(one[0] === 'group' ? one : [one[0], ...[one[1], one[2]].sort()]);
}

describe('a conversation id', () => {
  test('is the same from both ends', () => {
    fc.assert(
      fc.property(trickyId, trickyId, (a, b) => {
        expect(conversationIdOf(a, b, null)).toBe(conversationIdOf(b, a, null));
      }),
    );
  });

  test('is never that of another conversation', () => {
    fc.assert(
      fc.property(ends, ends, (one, other) => {
        expect(idOf(one) === idOf(other)).toBe(identity(one) === identity(other));
      }),
      { numRuns: 2000 },
    );
  });

  test('of a single chat tells who takes part, in the code-point order of the raw ids', () => {
    fc.assert(
      fc.property(trickyId, trickyId, (a, b) => {
        const parts = conversationIdOf(a, b, null).split(':');
        const decoded = parts.slice(1).map((part) => part.replaceAll('%3A', ':').replaceAll('%25', '%'));
        expect([parts[0], ...decoded]).toEqual(['single', ...[a, b].sort(byCodePoint)]);
      }),
      { numRuns: 1000 },
    );
  });
});
