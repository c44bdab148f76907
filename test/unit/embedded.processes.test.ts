import { afterEach, expect, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { systemClock } from '../../src/clock/clock.js';
import { endLeftover, signal } from '../../src/embedded/processes.js';
import { birthOf, commandLineOf } from '../../src/files/process-facts.js';

const children: ChildProcess[] = [];

/** A process that runs until it is ended, and has come so far that it says so. Its arguments can be seen from outside. */
async function run(script: string, ...args: string[]): Promise<{ pid: number; gone: Promise<NodeJS.Signals | null> }> {
  const child = spawn('/bin/sh', ['-c', script, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
  children.push(child);
  const gone = new Promise<NodeJS.Signals | null>((done) => child.once('exit', (_code, killedBy) => done(killedBy)));
  await new Promise((done) => child.stdout.once('data', done));
  return { pid: child.pid!, gone };
}

afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')));

const FOREVER = 'echo up; while :; do sleep 0.1; done';
const STUBBORN = `trap '' TERM; ${FOREVER}`;
const STEPS = [
  { signal: 'SIGTERM', waitMs: 300 },
  { signal: 'SIGKILL', waitMs: 5_000 },
] as const;

test('a living process has a birth and a command line, a dead one neither', async () => {
  const { pid, gone } = await run(FOREVER, 'name', 'mark-1');
  expect(commandLineOf(pid)).toMatch(/name mark-1$/);
  const birth = birthOf(pid);
  expect(birth).not.toBeNull();
  expect(birthOf(pid)).toBe(birth);
  expect(birthOf(process.pid)).not.toBe(birth);
  signal(pid, 'SIGKILL');
  await gone;
  expect(birthOf(pid)).toBeNull();
  expect(commandLineOf(pid)).toBeNull();
  expect(signal(pid, 'SIGTERM')).toBe(false);
});

test('a leftover is ended, gently first', async () => {
  const { pid, gone } = await run(FOREVER, 'name', 'mark-2');
  expect(await endLeftover(pid, 'mark-2', STEPS, systemClock)).toBe(true);
  expect(await gone).toBe('SIGTERM');
});

test('a leftover that does not listen is ended by force', async () => {
  const { pid, gone } = await run(STUBBORN, 'name', 'mark-3');
  expect(await endLeftover(pid, 'mark-3', STEPS, systemClock)).toBe(true);
  expect(await gone).toBe('SIGKILL');
});

test('a process of the same pid that is not ours is left alone', async () => {
  const { pid } = await run(FOREVER, 'name', 'somebody-else');
  expect(await endLeftover(pid, 'mark-4', STEPS, systemClock)).toBe(false);
  expect(birthOf(pid)).not.toBeNull();
});
