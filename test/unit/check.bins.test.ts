/** Entries come out of their bins as they went in, whether they lay in memory or on disk; nothing is left behind. */
import { describe, expect, test } from '@jest/globals';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { BIN_COUNT, ENTRY_WORDS, MemoryBins, type Bins } from '../../src/check/bins.js';
import { SpilledBins } from '../../src/check/readers/spilled-bins.js';

const LAST_BIN = BIN_COUNT - 1;

function entryOf(bin: number, n: number): Uint32Array {
  return Uint32Array.from({ length: ENTRY_WORDS }, (_, word) => ((bin * 0x0100_0193) ^ (n * 0x9e37_79b1) ^ word) >>> 0);
}

function fill(bins: Bins, counts: ReadonlyMap<number, number>): void {
  for (const [bin, count] of counts) {
    for (let n = 0; n < count; n++) bins.add(bin, entryOf(bin, n));
  }
}

function expected(bin: number, count: number): number[] {
  return Array.from({ length: count }, (_, n) => [...entryOf(bin, n)]).flat();
}

const folders = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('inorder-check-'));

describe.each([
  ['in memory', () => new MemoryBins()],
  ['on disk', () => new SpilledBins()],
] as const)('bins %s', (_, open) => {
  test('give back every entry of a bin, in order, and of no other', () => {
    const bins = open();
    // Around the size of what is written at once, several times it, and nothing.
    const counts = new Map([
      [0, 1],
      [1, 1_023],
      [2, 1_024],
      [3, 1_025],
      [LAST_BIN, 5_000],
    ]);
    fill(bins, counts);
    for (const [bin, count] of counts) expect([...bins.take(bin)]).toEqual(expected(bin, count));
    expect(bins.take(4)).toHaveLength(0);
    bins.close();
  });

  test('are empty once taken, and may be filled again', () => {
    const bins = open();
    fill(bins, new Map([[7, 2_050]]));
    const first = bins.take(7);
    expect(bins.take(7)).toHaveLength(0);
    fill(bins, new Map([[7, 3]]));
    expect([...bins.take(7)]).toEqual(expected(7, 3));
    expect([...first]).toEqual(expected(7, 2_050));
    bins.close();
  });

  test('let go of all they hold, more than once', () => {
    const before = folders();
    const bins = open();
    fill(bins, new Map([[0, 3_000]]));
    bins.close();
    bins.close();
    expect(folders()).toEqual(before);
  });
});
