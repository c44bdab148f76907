/** Whatever the seed: a clean history passes, and a planted fault is named by its rule, wherever it was planted. */
import { test } from '@jest/globals';
import fc from 'fast-check';
import { checkEvidence } from '../../src/check/check-evidence.js';
import { cleanHistory, evidenceOf } from '../../src/check/self-test/clean-history.js';
import { MUTATIONS } from '../../src/check/self-test/mutations.js';
import { SeededDraws } from '../../src/check/self-test/seeded-draws.js';

const SIZE = { messages: 800, conversations: 5, partitions: 2 };

test('a clean history passes, and one with a planted fault fails by its rule', async () => {
  const mutation = fc.constantFrom(...MUTATIONS);
  const seed = fc.integer({ min: 1, max: 1_000_000 });
  await fc.assert(
    fc.asyncProperty(mutation, seed, seed, async ({ rule, plant }, historySeed, plantSeed) => {
      const history = cleanHistory({ ...SIZE, seed: historySeed });
      // One in nine has no aborted transaction, and nothing for the faults that are planted in one.
      fc.pre(history.delivery.some((list) => list.some(({ outcome }) => outcome === 'aborted')));
      const clean = await checkEvidence(evidenceOf(history));
      plant(history, new SeededDraws(plantSeed));
      const { outcomes } = await checkEvidence(evidenceOf(history));
      return clean.answer === 'pass' && outcomes.some((one) => one.rule === rule && one.answer === 'fail');
    }),
    { numRuns: 30 },
  );
}, 60_000);
