import { expect, test } from '@jest/globals';
import { checkEvidence } from '../../src/check/check-evidence.js';
import { cleanHistory, evidenceOf } from '../../src/check/self-test/clean-history.js';

const SIZE = { seed: 1, messages: 200, conversations: 3, partitions: 1 };

test('a message whose handler failed for good was stored and delivered: its dead letter is no second end', async () => {
  const history = cleanHistory(SIZE);
  const row = history.rows[0]?.[10];
  history.deadLetters.push({
    ...{ partition: 0, offset: 9_999, reason: 'handler_failed' },
    place: row?.place ?? { partition: 0, offset: -1 },
  });
  expect((await checkEvidence(evidenceOf(history))).answer).toBe('pass');
});

test('a dead letter of a delivery record does not excuse an ingest record that was lost', async () => {
  const history = cleanHistory(SIZE);
  const place = history.rows[0]?.[10]?.place ?? { partition: 0, offset: -1 };
  history.rows[0]?.splice(10, 1);
  history.deadLetters.push({ partition: 0, offset: 9_999, reason: 'invalid_delivery_record', place });
  const { outcomes } = await checkEvidence(evidenceOf(history));
  const [endsOnce] = outcomes.filter(({ rule }) => rule === 'ends-once');
  const lost = `the record at ${place.partition}:${place.offset} of the ingest topic was neither stored nor dead-lettered`;
  expect(endsOnce?.findings.map(({ sentence }) => sentence)).toContain(lost);
});
