/** A delivery topic that is watched from the middle: what is sound passes, what is not is told at once and counted. */
import { expect, test } from '@jest/globals';
import type { DeliveryRecord } from '../../src/check/evidence.js';
import { LIVE_RULES, LiveCheck } from '../../src/check/live/live-check.js';
import { cleanHistory, type History } from '../../src/check/self-test/clean-history.js';
import { MUTATIONS } from '../../src/check/self-test/mutations.js';
import { SeededDraws } from '../../src/check/self-test/seeded-draws.js';
import type { Finding } from '../../src/check/verdict.js';
import { createMetrics } from '../../src/observe/prometheus.js';

const TOPICS = { ingest: 'in', delivery: 'out', dlq: 'dlq' };
const SIZE = { seed: 1, messages: 800, conversations: 5, partitions: 2 };

function watching(from: ReadonlyMap<number, number>) {
  const found: Finding[] = [];
  const metrics = createMetrics();
  const onFinding = (finding: Finding): number => found.push(finding);
  const options = { topics: TOPICS, from, findingsPerRule: 3, hangsAfterMs: 90_000, metrics, onFinding };
  return { check: new LiveCheck(options), found, scrape: async () => (await metrics.exposition()).body };
}

/** A tenth of a partition is gone before the watching begins. */
function watch(history: History) {
  const begins = history.delivery.map((list) => list[Math.floor(list.length / 10)]?.offset ?? 0);
  const watched = watching(new Map(begins.map((offset, partition) => [partition, offset])));
  history.delivery.forEach((list, partition) => {
    const seen = list.filter(({ offset }) => offset >= (begins[partition] ?? 0));
    for (let at = 0; at < seen.length; at += 50) watched.check.take(partition, seen.slice(at, at + 50), 0);
  });
  return watched;
}

test.each([1, 2, 3, 4, 5])('a sound topic passes, wherever the watching begins (seed %i)', (seed) => {
  const { check, found } = watch(cleanHistory({ ...SIZE, seed }));
  expect(found).toEqual([]);
  const { answer, outcomes } = check.finish();
  expect(answer).toBe('pass');
  expect(
    outcomes
      .filter(({ isJudged }) => isJudged)
      .map(({ rule }) => rule)
      .sort(),
  ).toEqual([...LIVE_RULES].sort());
});

test.each(['swap two deliveries of a conversation', 'deliver a message twice', 'conceal that a message is late'])(
  '%s: told and counted',
  async (name) => {
    const history = cleanHistory({ ...SIZE, messages: 1_600 });
    const mutation = MUTATIONS.find((one) => one.name === name);
    mutation?.plant(history, new SeededDraws(5));
    const { check, found, scrape } = watch(history);
    check.sweep([]);
    const told = found.filter(({ rule }) => rule === mutation?.rule);
    expect(told.length).toBeGreaterThan(0);
    expect(await scrape()).toContain(`inorder_check_violations_total{rule="${mutation?.rule ?? ''}"} ${told.length}`);
    expect(check.finish().answer).toBe('fail');
  },
);

function delivery(offset: number, seq: number): DeliveryRecord {
  const said = { conversationId: 'group:g', senderId: 'u', clientMsgId: `c${offset}`, body: '""', meta: null };
  const numbers = { sentAt: null, senderSeq: null, senderEpoch: null, receivedAt: null, stampedAt: null };
  const message = { ...said, ...numbers, seq, msgId: null, late: false };
  const whole = { partition: 0, offset, timestampMs: null, outcome: 'committed', transaction: null } as const;
  return { ...whole, laneEpoch: null, message, fault: null };
}

test('a number that does not come is missing at the second sweep, once', () => {
  const { check, found } = watching(new Map([[0, 100]]));
  check.take(0, [delivery(100, 7), delivery(101, 9)], 0);
  check.sweep([]);
  expect(found).toEqual([]);
  check.sweep([]);
  check.sweep([]);
  const { outcomes } = check.finish();
  expect(found.map(({ sentence }) => sentence)).toEqual(['seq 8 is missing in group:g']);
  expect(outcomes.find(({ rule }) => rule === 'seq-dense')?.findingCount).toBe(1);
});

test('a transaction that hangs is told once, and one that is merely open is not', () => {
  const { check, found } = watching(new Map([[0, 0]]));
  const end = { topic: 'out', partition: 0, stableOffset: 5, endOffset: 9 };
  check.sweep([{ ...end, openForMs: 1_000 }]);
  expect(found).toEqual([]);
  check.sweep([{ ...end, openForMs: 100_000 }]);
  check.sweep([{ ...end, openForMs: 105_000 }]);
  expect(found.map(({ rule }) => rule)).toEqual(['no-open-transaction']);
});

test('what it is behind by is told by partition', async () => {
  const { check, scrape } = watching(new Map([[0, 0]]));
  check.take(0, [delivery(0, 1)], 12);
  expect(await scrape()).toContain('inorder_check_lag_records{partition="0"} 12');
  expect(await scrape()).toContain('inorder_check_delivered_total 1');
});
