/** What producers were acknowledged is in the topic, as far as that can be known; and their file is written and read whole. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkEvidence } from '../../src/check/check-evidence.js';
import type { IngestPlace, OffsetRange } from '../../src/check/evidence.js';
import { PlaceSet } from '../../src/check/place-set.js';
import { acknowledgedPlaces } from '../../src/check/readers/acknowledged-places.js';
import { cleanHistory, evidenceOf } from '../../src/check/self-test/clean-history.js';
import type { Verdict } from '../../src/check/verdict.js';
import { AcknowledgedFile } from '../../src/cli/acknowledged-file.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'inorder-acknowledged-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function setOf(places: readonly IngestPlace[]): PlaceSet {
  const set = new PlaceSet();
  for (const place of places) set.add(place);
  return set;
}

const placesIn = (set: PlaceSet): string[] => {
  const all: string[] = [];
  set.each((partition, offset) => all.push(`${partition}:${offset}`));
  return all;
};

/** Offsets 100 to 299 of one partition are there, but for 150. */
async function judge(offset: number, given: { isDrained: boolean; ranges: boolean }): Promise<Verdict> {
  const there = Array.from({ length: 200 }, (_, n) => ({ partition: 0, offset: n + 100, said: null })).filter(
    (one) => one.offset !== 150,
  );
  const deadLetters = there.map((place) => ({ partition: 0, offset: place.offset, reason: 'not_json', place }));
  const range: OffsetRange = { start: 90, end: 310 };
  return checkEvidence({
    topics: { ingest: 'im.ingest', delivery: 'im.delivery', dlq: 'im.dlq' },
    partitions: [],
    ingest: () => [there],
    deadLetters: () => [deadLetters],
    delivery: () => [],
    acknowledged: setOf([
      { partition: 0, offset: 120 },
      { partition: 0, offset },
    ]),
    isDrained: given.isDrained,
    ...(given.ranges ? { ingestRanges: new Map([[0, range]]) } : {}),
  });
}

describe('an acknowledged place', () => {
  test.each([
    ['is there', 299, false, false, 'pass', 0],
    ['is a hole in what was read', 150, false, false, 'fail', 0],
    ['is below what was read: deleted since', 99, true, false, 'pass', 1],
    ['is above what was read, while all goes on: later', 300, false, false, 'pass', 1],
    ['is above what was read, and nothing goes on: lost', 300, true, false, 'fail', 0],
    ['is where the topic begins, and not there', 90, false, true, 'fail', 0],
    ['is below where the topic begins', 89, true, true, 'pass', 1],
    ['is where the topic ends, while all goes on', 310, false, true, 'pass', 1],
  ] as const)('that %s', async (_, offset, isDrained, ranges, answer, notJudged) => {
    const { counts, outcomes } = await judge(offset, { isDrained, ranges });
    expect(outcomes[0]).toMatchObject({ rule: 'ends-once', answer });
    expect(counts).toMatchObject({ acknowledged: 2, acknowledgedNotJudged: notJudged });
    const exhibits = outcomes[0]?.findings.flatMap((finding) => finding.exhibits);
    const missing = {
      kind: 'record',
      topic: 'im.ingest',
      partition: 0,
      offset,
      what: 'acknowledged, and not in the topic',
    };
    expect(exhibits).toEqual(answer === 'fail' ? [missing] : []);
  });

  test('is not missing from a topic that could not be read to its end', async () => {
    const evidence = evidenceOf(cleanHistory({ seed: 3, messages: 300, conversations: 3, partitions: 1 }));
    const { outcomes } = await checkEvidence({
      ...evidence,
      ingest: function* () {
        const [first = []] = evidence.ingest?.() as Iterable<never[]>;
        yield first.slice(0, 10);
        throw new Error('the broker went away');
      },
      ingestRanges: new Map([[0, { start: 0, end: 1_000 }]]),
    });
    const sentences = outcomes[0]?.findings.map(({ sentence }) => sentence).filter((one) => /acknowledged/.test(one));
    expect(sentences).toEqual([]);
    expect(outcomes[0]?.reasons.join()).toContain('the broker went away');
  });
});

describe('a set of places', () => {
  test('gives back what was put in, across words, chunks and partitions', () => {
    const offsets = [0, 31, 32, 33, 32_767, 32_768, 1_000_000, 2 ** 40];
    const set = setOf([...offsets, ...offsets].map((offset) => ({ partition: 3, offset })));
    set.add({ partition: 0, offset: 64 });
    expect(set.size).toBe(offsets.length + 1);
    expect(placesIn(set)).toEqual([...offsets.map((offset) => `3:${offset}`), '0:64']);
  });
});

describe('the file of acknowledged places', () => {
  test('holds a line for each record, and those of several loads', async () => {
    const path = join(folder, 'several.jsonl');
    const files = [AcknowledgedFile.open(path), AcknowledgedFile.open(path)];
    files[0]?.add({ topic: 't', partition: 2, firstOffset: 7, count: 2 });
    files[1]?.add({ topic: 't', partition: 0, firstOffset: 5_000_000_000, count: 1 });
    expect(readFileSync(path, 'utf8')).toBe(
      '{"partition":2,"offset":7}\n{"partition":2,"offset":8}\n{"partition":0,"offset":5000000000}\n',
    );
    files[0]?.add({ topic: 't', partition: 1, firstOffset: 0, count: 12_345 });
    for (const file of files) file.close();
    expect((await acknowledgedPlaces(path)).size).toBe(12_348);
  });

  test('that can not be written or read is named', async () => {
    const path = join(folder, 'no', 'such', 'folder');
    expect(() => AcknowledgedFile.open(path)).toThrow(`--acknowledged ${path} can't be written: `);
    await expect(acknowledgedPlaces(path)).rejects.toThrow(`${path} can't be read: `);
  });

  test.each([
    '{"partition":0}',
    '{"partition":0,"offset":-1}',
    '{"partition":0,"offset":1.5}',
    '{"partition":"0","offset":1}',
    '{"partition":0,"off{"partition":0,"offset":1}',
    'null',
    '0:12',
  ])('with %s in it is refused, with its line and what was expected', async (line) => {
    const path = join(folder, 'bad.jsonl');
    writeFileSync(path, `{"partition":0,"offset":0}\n${line}\n{"partition":0,"offset":1}\n`);
    await expect(acknowledgedPlaces(path)).rejects.toThrow(
      `${path}, line 2: ${line} is no place: expected {"partition":0,"offset":12}`,
    );
  });

  test('that is being written is read up to its last whole line', async () => {
    const path = join(folder, 'growing.jsonl');
    writeFileSync(path, '{"partition":0,"offset":0}\n');
    appendFileSync(path, '{"partition":0,"offs');
    expect(placesIn(await acknowledgedPlaces(path))).toEqual(['0:0']);
  });
});
