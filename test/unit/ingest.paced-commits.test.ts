import { expect, test } from '@jest/globals';
import type { CommitPosition } from '../../src/kafka/group-contract.js';
import { silentLog } from '../../src/observe/log.js';
import { PacedCommits, type CommitCursor } from '../../src/stages/paced-commits.js';
import { ManualClock, settled } from '../support/manual-clock.js';

interface Cursor extends CommitCursor {
  nextOffset: number | null;
}

function setUp() {
  const clock = new ManualClock();
  const cursor: Cursor = { topic: 't', partition: 3, nextOffset: null, committedOffset: null };
  const commits: (readonly CommitPosition[])[] = [];
  const fate = { fails: false, answer: Promise.resolve() };
  const paced = new PacedCommits({
    cursors: () => [cursor],
    commit: async (positions) => {
      commits.push(positions);
      await fate.answer;
      if (fate.fails) throw new Error('no coordinator');
    },
    intervalMs: 250,
    clock,
    log: silentLog,
  });
  const moveTo = (nextOffset: number): void => {
    cursor.nextOffset = nextOffset;
    paced.moved();
  };
  return { clock, cursor, commits, fate, paced, moveTo };
}

test('many moves inside the interval make one commit, of the last position', async () => {
  const { clock, commits, moveTo } = setUp();
  for (let offset = 1; offset <= 100; offset++) moveTo(offset);
  await clock.pass(249);
  expect(commits).toEqual([]);
  await clock.pass(1);
  expect(commits).toEqual([[{ topic: 't', partition: 3, nextOffset: 100 }]]);
});

test('nothing is committed, and nothing sleeps, while nothing moves', async () => {
  const { clock, commits, moveTo } = setUp();
  moveTo(5);
  await clock.pass(1_000);
  expect(commits).toHaveLength(1);
  expect(clock.sleeperCount).toBe(0);
});

test('a position that the group has already is not committed again', async () => {
  const { clock, commits, paced, moveTo } = setUp();
  moveTo(5);
  await clock.pass(1_000);
  moveTo(5);
  await clock.pass(1_000);
  await paced.finish();
  expect(commits).toHaveLength(1);
});

test('a refused commit is tried again, with what moved meanwhile', async () => {
  const { clock, cursor, commits, fate, moveTo } = setUp();
  fate.fails = true;
  moveTo(5);
  await clock.pass(250);
  expect(cursor.committedOffset).toBeNull();
  fate.fails = false;
  cursor.nextOffset = 7;
  await clock.pass(250);
  expect(commits.at(-1)).toEqual([{ topic: 't', partition: 3, nextOffset: 7 }]);
  expect(cursor.committedOffset).toBe(7);
});

test('finish waits for the commit in flight, then commits the rest at once, then nothing more', async () => {
  const { clock, commits, fate, paced, moveTo } = setUp();
  let answer = (): void => undefined;
  fate.answer = new Promise((resolve) => {
    answer = resolve;
  });
  moveTo(5);
  await clock.pass(250);
  moveTo(9);
  let finished = false;
  const finish = paced.finish().then(() => {
    finished = true;
  });
  await settled();
  expect(finished).toBe(false);
  expect(commits).toHaveLength(1);
  answer();
  await finish;
  moveTo(11);
  await clock.pass(1_000);
  expect(commits.map(([position]) => position?.nextOffset)).toEqual([5, 9]);
});

test('finish resolves although the last commit is refused', async () => {
  const { commits, fate, paced, moveTo } = setUp();
  fate.fails = true;
  moveTo(5);
  await paced.finish();
  expect(commits).toHaveLength(1);
});
