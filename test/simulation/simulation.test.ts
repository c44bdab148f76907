import { describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { RULE_NAMES } from '../../src/check/rules/catalogue.js';
import { seedsPerMinute, type Figures } from './figures.js';
import { runSeed } from './run-seed.js';
import type { Flaws } from './sim-world.js';

const LONG_MS = 120_000;

test(
  'whatever the servers, the network and the clocks do, every promise holds once they are well again',
  async () => {
    // In a process of its own: faster, and it is the command that a failing seed names.
    const command = [
      '--import',
      './test/support/typescript.mjs',
      'test/simulation/main.ts',
      '--seeds',
      '200',
      '--json',
    ];
    const { stdout } = await promisify(execFile)(process.execPath, command, { timeout: LONG_MS }).catch(
      (failed: unknown) => failed as { stdout: string }, // a broken promise is exit code 1, and is told
    );
    const figures = JSON.parse(stdout) as Figures;
    process.stdout.write(`simulation: ${figures.seeds} seeds, ${seedsPerMinute(figures)} a minute\n`);
    expect(figures.failures).toEqual([]);
    expect(figures.faults).toBeGreaterThan(figures.seeds); // they did happen
    for (const rule of [...RULE_NAMES, 'handlers']) expect([rule, figures.judged[rule] ?? 0]).not.toEqual([rule, 0]);
  },
  LONG_MS,
);

test('a seed is a history: run again, it is the same', async () => {
  expect(await runSeed(4711)).toEqual(await runSeed(4711));
});

describe('the simulation can fail: a planted fault is found within 150 seeds', () => {
  test.each<[string, Flaws]>([
    ['PostgreSQL without the fence', { postgres: 'no-fence' }],
    ['PostgreSQL without unique keys, and forgetting what is stored', { postgres: 'forgets-what-is-stored' }],
    ['Kafka without the producer fence', { kafka: 'no-producer-fence' }],
    ['Kafka that takes what a producer repeats', { kafka: 'no-sequence-numbers' }],
    ['a delivery group that skips a record at each assignment', { deliveryGroup: 'begins-behind-the-next-record' }],
    ['a delivery group that commits before the handler', { deliveryGroup: 'commits-what-was-fetched' }],
  ])(
    '%s',
    async (_name, flaws) => {
      let broken: readonly string[] = [];
      for (let seed = 1; seed <= 150 && broken.length === 0; seed++) broken = (await runSeed(seed, flaws)).broken;
      expect(broken).not.toEqual([]);
    },
    LONG_MS,
  );
});
