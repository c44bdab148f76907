/** The page of a check: bounded whatever was read, every violation in it, nothing of the records' own in its markup. */
import { expect, test } from '@jest/globals';
import { checkEvidence } from '../../src/check/check-evidence.js';
import type { Evidence } from '../../src/check/evidence.js';
import { reportPage } from '../../src/check/report/page.js';
import { RULE_NAMES } from '../../src/check/rules/catalogue.js';
import { Timeline, type TimelinePlotted } from '../../src/check/report/timeline.js';
import { cleanHistory, evidenceOf, type History } from '../../src/check/self-test/clean-history.js';
import { MUTATIONS } from '../../src/check/self-test/mutations.js';
import { SeededDraws } from '../../src/check/self-test/seeded-draws.js';
import type { Delivered } from '../../src/check/so-far.js';
import type { Finding, Verdict } from '../../src/check/verdict.js';

const SIZE = { seed: 1, messages: 800, conversations: 5, partitions: 2 };

async function judged(evidence: Evidence): Promise<{ verdict: Verdict; plotted: TimelinePlotted; page: string }> {
  const timeline = new Timeline(evidence.topics);
  const verdict = await checkEvidence(evidence, {
    onIngested: (record) => timeline.ingested(record),
    onDelivered: (record, placesOff) => timeline.delivered(record, placesOff),
    onFinding: (finding) => timeline.found(finding),
  });
  const plotted = timeline.plotted();
  return { verdict, plotted, page: reportPage({ verdict, plotted, subject: 'a test', seconds: 1, atMs: 0 }) };
}

function planted(name: string): History {
  const history = cleanHistory(SIZE);
  const mutation = MUTATIONS.find((one) => one.name === name);
  mutation?.plant(history, new SeededDraws(5));
  expect(mutation).toBeDefined();
  return history;
}

function delivery(offset: number, timestampMs: number): Delivered {
  const said = { conversationId: 'group:g', senderId: 'u', clientMsgId: `c${offset}`, body: '""', meta: null };
  const numbers = { sentAt: null, senderSeq: null, senderEpoch: null, receivedAt: timestampMs - 8, stampedAt: null };
  const message = { ...said, ...numbers, seq: offset + 1, msgId: null, late: false };
  const outcome = 'committed';
  return { partition: 0, offset, timestampMs, outcome, transaction: null, laneEpoch: null, message, fault: null };
}

const TOPICS = { ingest: 'in', delivery: 'out' };

function at(offset: number): Finding {
  const exhibit = { kind: 'record', topic: 'out', partition: 0, offset, what: '' } as const;
  return { rule: 'seq-order', sentence: '', exhibits: [exhibit] };
}

test('whatever was read, the plot has a bounded number of points, and a violation among them stays one', () => {
  const timeline = new Timeline(TOPICS);
  for (let offset = 0; offset < 20_000; offset++) timeline.delivered(delivery(offset, offset * 1_000), 0);
  timeline.found(at(13_000));
  const { buckets, width } = timeline.plotted();
  expect(buckets.length).toBeLessThanOrEqual(600);
  expect(buckets.reduce((sum, { bucket }) => sum + bucket.delivered, 0)).toBe(20_000);
  const bad = buckets.filter(({ bucket }) => bucket.violations.size > 0);
  expect(bad).toHaveLength(1);
  // Offset 13,000 was delivered at 13,000,000 ms.
  expect(Math.abs((bad[0]?.from ?? 0) - 13_000_000)).toBeLessThanOrEqual(2 * width);
});

test("a violation whose time is a sender's fancy lies within what was delivered", () => {
  const timeline = new Timeline(TOPICS);
  const said = { ...delivery(0, 0).message, sentAt: 9e15 };
  timeline.ingested({ partition: 0, offset: 0, said });
  for (let offset = 0; offset < 10; offset++) timeline.delivered(delivery(offset, 1_000 + offset), 0);
  const exhibit = { kind: 'record', topic: 'in', partition: 0, offset: 0, what: '' } as const;
  timeline.found({ rule: 'ends-once', sentence: '', exhibits: [exhibit] });
  const { buckets, timeless } = timeline.plotted();
  expect(timeless.size).toBe(0);
  expect(buckets.at(-1)).toMatchObject({ from: 1_009, bucket: { violations: new Map([['ends-once', 1]]) } });
});

test('where the records carry no times, the plot counts offsets', () => {
  const timeline = new Timeline(TOPICS);
  for (let offset = 0; offset < 100; offset++) timeline.delivered({ ...delivery(offset, 0), timestampMs: null }, 0);
  timeline.found(at(40));
  const { axis, buckets } = timeline.plotted();
  expect(axis).toBe('offset');
  expect(buckets.find(({ bucket }) => bucket.violations.size > 0)?.from).toBe(40);
});

test('a clean history: a page with the answer, every rule, and no violation', async () => {
  const { page } = await judged(evidenceOf(cleanHistory(SIZE)));
  expect(page).toContain('<p class="answer">pass</p>');
  expect(page.match(/<tr class="pass">/g)).toHaveLength(14);
  expect(page).toContain('every message came in its turn');
  expect(page).not.toContain('class="bad"');
});

const ONE_OF_EACH_RULE = RULE_NAMES.map((rule) => MUTATIONS.find((one) => one.rule === rule) ?? { name: rule, rule });

test.each(ONE_OF_EACH_RULE)(
  '$name: its rule has a mark in the plot or is said to have no time',
  async ({ name, rule }) => {
    const { verdict, plotted, page } = await judged(evidenceOf(planted(name)));
    const inPlot = plotted.buckets.reduce((sum, { bucket }) => sum + (bucket.violations.get(rule) ?? 0), 0);
    const outcome = verdict.outcomes.find((one) => one.rule === rule);
    expect(inPlot + (plotted.timeless.get(rule) ?? 0)).toBe(outcome?.findingCount);
    expect(page).toContain(`<article id="rule-${outcome?.number ?? 0}">`);
  },
);

test('what a record says stays text: the page loads nothing and runs nothing', async () => {
  const history = cleanHistory(SIZE);
  const evil = '"><script src=https://evil.example/x.js></script>\u0000';
  const list = history.delivery[0] ?? [];
  list.forEach((record, index) => {
    if (record.message?.seq === 3) list[index] = { ...record, message: { ...record.message, conversationId: evil } };
  });
  const { verdict, page } = await judged(evidenceOf(history));
  expect(verdict.answer).toBe('fail');
  expect(page).toContain('&lt;script src=');
  expect(page).not.toMatch(/<script|<link|<img|@import|url\(/);
  expect(page.includes('\u0000')).toBe(false);
});
