import { describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { explore, type Exploration } from './explore.js';
import { BROKEN, brokenWorld } from './runs.js';
import { traceOf } from './trace.js';

const LONG_MS = 300_000;

interface Line {
  readonly name: string;
  readonly found: Exploration;
  readonly trace: string;
}

/** In a process of its own: inside the test runner's realm the same search takes four times as long. */
async function exploreShipped(): Promise<Line[]> {
  const command = ['--import', './test/support/typescript.mjs', 'test/model/main.ts', '--shipped', '--json'];
  const { stdout } = await promisify(execFile)(process.execPath, command, { timeout: LONG_MS });
  return JSON.parse(stdout) as Line[];
}

test(
  'in every world that faults, delays and zombies can lead to, the promises hold',
  async () => {
    for (const { name, found, trace } of await exploreShipped()) {
      process.stdout.write(`model: ${name}: ${found.states} states, ${found.edges} moves, depth ${found.depth}\n`);
      expect(trace).toBe('no violation');
      expect(found.states).toBeGreaterThan(5_000);
      expect(found.restCount).toBeGreaterThan(0);
    }
  },
  LONG_MS,
);

describe('the model can fail: each broken variant is found, with the shortest trace', () => {
  test.each(BROKEN)(
    '$breakage',
    ({ breakage, says }) => {
      const start = brokenWorld(breakage);
      const found = explore(start);
      process.stdout.write(`model: ${breakage}\n${traceOf(start, found)}\n`);
      expect(found.violation?.broken).toMatch(says);
    },
    LONG_MS,
  );

  test('what breaks a producer used again is that the broker drops repetitions', () => {
    const start = brokenWorld('producer-reused-after-unknown', false);
    expect(traceOf(start, explore(start))).toBe('no violation');
  });
});
