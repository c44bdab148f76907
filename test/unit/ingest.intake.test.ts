import { expect, test } from '@jest/globals';
import { Intake } from '../../src/stages/ingest/intake.js';
import type { RoutedRecord } from '../../src/stages/ingest/partition-queue.js';
import type { RecordSource } from '../../src/stages/ports.js';

type Call = readonly [what: string, partition: number, nextOffset?: number];

function setUp(limits = { maxRecords: 4, maxBytes: 1_000 }) {
  const calls: Call[] = [];
  const source: Pick<RecordSource, 'pause' | 'resume' | 'seek'> = {
    pause: (_, partition) => {
      calls.push(['pause', partition]);
    },
    resume: (_, partition) => {
      calls.push(['resume', partition]);
    },
    seek: (_, partition, nextOffset) => {
      calls.push(['seek', partition, nextOffset]);
    },
  };
  const intake = new Intake('t.ingest', limits, source);
  const offer = (partition: number, offsets: readonly number[], byteLength = 10): void => {
    const queue = intake.queueOf(partition);
    if (queue === undefined) throw new Error(`partition ${partition} is not held`);
    for (const offset of offsets) queue.push(routed(partition, offset, byteLength));
    intake.pauseWhenFull(queue);
  };
  return { intake, calls, offer };
}

function routed(partition: number, offset: number, byteLength: number): RoutedRecord {
  const value = Buffer.from(`${partition}/${offset}`);
  return {
    topic: 't.logic',
    partition: 0,
    key: null,
    value,
    headers: {},
    nextOffset: offset + 1,
    byteLength,
    refusedFor: null,
  };
}

function takenBy(intake: Intake, maxRecords: number, maxBytes = 1_000): string[] {
  return intake.take({ maxRecords, maxBytes })?.records.map(({ value }) => String(value)) ?? [];
}

test('a partition pauses when its queue is full, by number or by bytes, and resumes when it is half empty', () => {
  const { intake, calls, offer } = setUp();
  intake.assign([0, 1]);
  offer(0, [0, 1, 2]);
  expect(calls).toEqual([]);
  offer(0, [3]);
  offer(1, [0], 1_000);
  expect(calls).toEqual([
    ['pause', 0],
    ['pause', 1],
  ]);
  takenBy(intake, 1);
  expect(calls).toHaveLength(2);
  takenBy(intake, 10, 2_000);
  expect(calls.slice(2)).toEqual(
    expect.arrayContaining([
      ['resume', 0],
      ['resume', 1],
    ]),
  );
  expect(calls).toHaveLength(4);
});

test('queues take turns at being first, and each keeps its order', () => {
  const { intake, offer } = setUp();
  intake.assign([0, 1]);
  offer(0, [0, 1, 2, 3]);
  offer(1, [5, 6]);
  expect(takenBy(intake, 2)).toEqual(['0/0', '0/1']);
  expect(takenBy(intake, 3)).toEqual(['1/5', '1/6', '0/2']);
  expect(takenBy(intake, 3)).toEqual(['0/3']);
  expect(intake.take({ maxRecords: 3, maxBytes: 10 })).toBeNull();
});

test('a chunk keeps to its bytes, and a record larger than that makes one of its own', () => {
  const { intake, offer } = setUp();
  intake.assign([0]);
  offer(0, [0, 1], 40);
  offer(0, [2], 500);
  offer(0, [3], 40);
  expect(takenBy(intake, 10, 100)).toEqual(['0/0', '0/1']);
  expect(takenBy(intake, 10, 100)).toEqual(['0/2']);
  expect(takenBy(intake, 10, 100)).toEqual(['0/3']);
});

test('a chunk says where each of its queues stands afterwards', () => {
  const { intake, offer } = setUp();
  intake.assign([0, 1]);
  offer(0, [7, 9]);
  offer(1, [3]);
  const ends = intake.take({ maxRecords: 10, maxBytes: 1_000 })?.ends;
  expect(ends?.map(({ queue, nextOffset }) => [queue.partition, nextOffset])).toEqual([
    [0, 10],
    [1, 4],
  ]);
});

test('at a rebalance what went away is dropped, what stays is kept and fetched on from its end, in its pause', () => {
  const { intake, calls, offer } = setUp();
  intake.assign([0, 1, 2]);
  offer(0, [0, 1]);
  offer(1, [0, 1]);
  offer(2, [0, 1, 2, 3]);
  calls.length = 0;
  expect(intake.assign([1, 2, 3])).toEqual([0]);
  expect(calls).toEqual([
    ['seek', 1, 2],
    ['seek', 2, 4],
    ['pause', 2],
  ]);
  expect(takenBy(intake, 10)).toEqual(expect.not.arrayContaining(['0/0']));
});

test('a queue that was dropped is not resumed by the chunk that took its last records', () => {
  const { intake, calls, offer } = setUp();
  intake.assign([0]);
  offer(0, [0, 1, 2, 3]);
  const former = intake.queueOf(0);
  intake.assign([]);
  intake.assign([0]);
  expect(intake.queueOf(0)).not.toBe(former);
  calls.length = 0;
  expect(takenBy(intake, 10)).toEqual([]);
  expect(calls).toEqual([]);
});
