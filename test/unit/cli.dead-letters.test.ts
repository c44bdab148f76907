import { describe, expect, test } from '@jest/globals';
import { filterOf, matches, type LyingLetter } from '../../src/cli/dead-letters.js';

const letter: LyingLetter = {
  reason: 'not_json',
  detail: 'the value is not JSON',
  topic: 'im.ingest',
  place: { partition: 1, offset: 7 },
  at: { partition: 3, offset: 0 },
  atMs: 1_000,
  record: { key: null, value: null, headers: {} },
};

describe('choosing dead letters', () => {
  test('without flags all are chosen', () => {
    expect(matches(letter, filterOf({}))).toBe(true);
  });

  test.each([
    [{ reason: ['not_json'] }, true],
    [{ reason: ['too_large', 'not_json'] }, true],
    [{ reason: ['too_large'] }, false],
    [{ since: 1_000 }, true],
    [{ since: 1_001 }, false],
    [{ place: { partition: 1, offset: 7 } }, true],
    [{ place: { partition: 3, offset: 0 } }, false], // its own place is another one
    [{ reason: ['not_json'], since: 1_001 }, false],
  ])('%j', (flags, isChosen) => {
    expect(matches(letter, filterOf(flags))).toBe(isChosen);
  });

  test('a reason that there is not, is a mistake, not an empty list', () => {
    expect(() => filterOf({ reason: ['not-json'] })).toThrow(
      'not-json is no reason; there are null_value, empty_value',
    );
    expect(() => filterOf({ reason: ['constructor'] })).toThrow('is no reason');
  });
});
