/** Evidence that ends early accuses nobody: what was not read is unknown, not missing. */
import { expect, test } from '@jest/globals';
import { checkEvidence } from '../../src/check/check-evidence.js';
import type { Batches, Evidence } from '../../src/check/evidence.js';
import { cleanHistory, evidenceOf } from '../../src/check/self-test/clean-history.js';

const SIZE = { seed: 1, messages: 800, conversations: 5, partitions: 2 };
const BATCH = 20;

/** The same in small batches; the connection is lost after some. */
function* broken<T>(source: Batches<T>, batchesLeft: number): Generator<T[]> {
  const items = [...(source as Iterable<readonly T[]>)].flat();
  for (let at = 0; at < items.length; at += BATCH) {
    if (batchesLeft-- === 0) throw new Error('the connection was lost');
    yield items.slice(at, at + BATCH);
  }
}

const SOURCES = ['ingest', 'deadLetters', 'inFlight', 'delivery', 'rows', 'observations'] as const;

function breaking(evidence: Evidence, name: (typeof SOURCES)[number], batches: number): Evidence {
  const { ingest, deadLetters, delivery, rows, observations } = evidence as Required<Evidence>;
  switch (name) {
    case 'ingest':
      return { ...evidence, ingest: () => broken(ingest(), batches) };
    case 'deadLetters':
      return { ...evidence, deadLetters: () => broken(deadLetters(), 0) };
    case 'inFlight':
      return { ...evidence, inFlight: () => broken([[{ partition: 0, offset: 0 }]], 0) };
    case 'delivery':
      return { ...evidence, delivery: (partition) => broken(delivery(partition), batches) };
    case 'rows':
      return { ...evidence, rows: (partition) => broken(rows(partition), batches) };
    case 'observations':
      return { ...evidence, observations: () => broken(observations(), batches) };
  }
}

const RANGES = new Map([0, 1].map((partition) => [partition, { start: 0, end: 1_000 }]));

test.each(
  SOURCES.flatMap((name) =>
    [0, 1, 7].flatMap((batches) => [true, false].map((hasRows) => [name, batches, hasRows] as const)),
  ),
)(
  'a clean history whose %s break off after %i batches (rows: %s) is unknown, not guilty',
  async (name, batches, hasRows) => {
    const clean = { ...evidenceOf(cleanHistory(SIZE)), ingestRanges: RANGES };
    const { rows, ...withoutRows } = breaking(clean, name, batches);
    const { outcomes } = await checkEvidence(hasRows && rows !== undefined ? { ...withoutRows, rows } : withoutRows);
    expect(
      outcomes.filter(({ answer }) => answer === 'fail').map(({ rule, findings }) => [rule, findings[0]?.sentence]),
    ).toEqual([]);
    if (hasRows || name !== 'rows') expect(outcomes.filter(({ answer }) => answer === 'unknown')).not.toEqual([]);
  },
);
