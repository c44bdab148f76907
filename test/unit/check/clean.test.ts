/** The checker passes what is clean, and names what was planted; on histories of its own making. */
import { expect, test } from '@jest/globals';
import { checkEvidence } from '../../../src/check/check-evidence.js';
import { cleanHistory, evidenceOf, streamedEvidence } from '../../../src/check/self-test/clean-history.js';

const SIZE = { seed: 1, messages: 2_000, conversations: 30, partitions: 2 };

test('a clean history passes every rule', async () => {
  const verdict = await checkEvidence(evidenceOf(cleanHistory(SIZE)));
  expect(verdict.outcomes.filter(({ answer }) => answer !== 'pass')).toEqual([]);
  expect(verdict.answer).toBe('pass');
  expect(verdict.outcomes.map(({ judged }) => judged > 0)).toEqual(verdict.outcomes.map(() => true));
});

test('a streamed clean history passes', async () => {
  const making = { ms: 0 };
  const verdict = await checkEvidence(streamedEvidence({ ...SIZE, messages: 200_000 }, making));
  expect(verdict.outcomes.filter(({ answer, isJudged }) => isJudged && answer !== 'pass')).toEqual([]);
  expect(verdict.answer).toBe('pass');
});
