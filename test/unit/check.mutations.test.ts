/** The checker passes what is clean, and names the rule of whatever was planted. */
import { describe, expect, test } from '@jest/globals';
import { checkEvidence } from '../../src/check/check-evidence.js';
import { RULE_NAMES } from '../../src/check/rules/catalogue.js';
import { cleanHistory, evidenceOf, streamedEvidence } from '../../src/check/self-test/clean-history.js';
import { MUTATIONS } from '../../src/check/self-test/mutations.js';
import { SeededDraws } from '../../src/check/self-test/seeded-draws.js';

const SIZE = { seed: 1, messages: 800, conversations: 5, partitions: 2 };

test('a clean history passes every rule, and every rule has judged something', async () => {
  const verdict = await checkEvidence(evidenceOf(cleanHistory(SIZE)));
  expect(verdict.outcomes.filter(({ answer }) => answer !== 'pass')).toEqual([]);
  expect(verdict.answer).toBe('pass');
  expect(verdict.outcomes.filter(({ judged }) => judged === 0)).toEqual([]);
});

test('a clean history that is streamed passes, and what it has no evidence for is not judged', async () => {
  const verdict = await checkEvidence(streamedEvidence({ ...SIZE, messages: 5_000 }, { ms: 0, cpuMs: 0 }));
  expect(verdict.answer).toBe('pass');
  expect(verdict.outcomes.filter(({ isJudged }) => !isJudged).map(({ rule }) => rule)).toEqual([
    'readers-agree',
    'offset-behind-store',
    'no-open-transaction',
    'reader-in-order',
  ]);
});

test('every rule has a mutation', () => {
  expect(new Set(MUTATIONS.map(({ rule }) => rule))).toEqual(new Set(RULE_NAMES));
});

describe('planted', () => {
  test.each(MUTATIONS)('$name: named by rule $rule', async ({ rule, plant }) => {
    const history = cleanHistory(SIZE);
    plant(history, new SeededDraws(5));
    const verdict = await checkEvidence(evidenceOf(history));
    expect(verdict.answer).toBe('fail');
    const outcome = verdict.outcomes.find((one) => one.rule === rule);
    expect(outcome?.answer).toBe('fail');
    expect(outcome?.findings[0]?.exhibits.length).toBeGreaterThan(0);
  });
});
