import { afterEach, expect, test } from '@jest/globals';
import type { Clock } from '../../src/clock/clock.js';
import { ClockMonitor, type ClockProbe } from '../../src/clock/clock-monitor.js';
import type { ClockLook } from '../../src/clock/reference.js';
import { ManualClock, settled } from '../support/manual-clock.js';

const TRUTH_MS = Date.UTC(2026, 0, 1);

/** A process whose wall clock is off by `wallOffMs`, and a PostgreSQL that is right unless told. */
class World {
  readonly passing = new ManualClock(TRUTH_MS);
  wallOffMs = 0;
  postgresOffMs = 0;
  roundTripMs = 0;
  looks = 0;
  answer: () => Promise<ClockLook> | null = () => null;
  readonly said: string[] = [];
  readonly clock: Clock = {
    nowMs: () => Math.floor(this.passing.nowMs() + this.wallOffMs),
    monotonicMs: () => this.passing.monotonicMs(),
    sleep: (ms, signal) => this.passing.sleep(ms, signal),
  };
  readonly #probe: ClockProbe = {
    source: 'postgres',
    everyMs: 2_000,
    firstLooks: 1,
    look: () => {
      this.looks += 1;
      const askedMs = this.clock.monotonicMs();
      const saidMs = this.passing.nowMs() + this.roundTripMs / 2 + this.postgresOffMs;
      const answeredMs = askedMs + this.roundTripMs;
      const sample = { source: 'postgres' as const, askedMs, answeredMs, saidMs, ownErrorMs: 0 };
      return this.answer() ?? Promise.resolve({ kind: 'seen', sample });
    },
  };
  readonly monitor = new ClockMonitor({
    clock: this.clock,
    probes: [this.#probe],
    limits: { warnMs: 50, alarmMs: 200, refuseMs: 400 },
    reports: {
      looked: () => undefined,
      levelChanged: ({ level }) => this.said.push(level),
      stepped: (byMs) => this.said.push(`stepped ${Math.round(byMs)}`),
      silent: (source, reason) => this.said.push(`${source}: ${reason}`),
      heard: () => undefined,
    },
  });
}

let world = new World();
afterEach(async () => {
  await world.monitor.stop();
  world = new World();
});

test('the first stamp waits for a first word: a worker that starts an hour ahead stamps nothing', async () => {
  world.wallOffMs = 3_600_000;
  await world.monitor.start();
  expect(world.monitor.mayStamp()).toBe(false);
  expect(world.said).toEqual(['refuse']);
});

test('a step is seen by the very next question, without asking anybody, and undone as fast', async () => {
  await world.monitor.start();
  expect(world.monitor.mayStamp()).toBe(true);
  for (const offMs of [450, -450, 3_600_000]) {
    world.wallOffMs = offMs;
    expect(world.monitor.mayStamp()).toBe(false);
    world.wallOffMs = 0;
    expect(world.monitor.mayStamp()).toBe(true);
  }
  expect(world.said.filter((one) => one.startsWith('stepped'))).toHaveLength(6);
});

test('a batch that was allowed is stamped with the time of before a step in its middle', async () => {
  await world.monitor.start();
  expect(world.monitor.mayStamp()).toBe(true);
  await world.passing.pass(5);
  world.wallOffMs = 3_600_000;
  expect(world.monitor.stampMs()).toBe(TRUTH_MS + 5);
  expect(world.monitor.mayStamp()).toBe(false);
  expect(world.monitor.stampMs()).toBe(TRUTH_MS + 5);
  world.wallOffMs = 100; // set back, nearly: within the limits, and allowed again
  expect(world.monitor.mayStamp()).toBe(true);
  expect(world.monitor.stampMs()).toBe(TRUTH_MS + 105);
});

test('a whole host that is set stamps on as soon as the servers confirm the new time', async () => {
  await world.monitor.start();
  const looksBefore = world.looks;
  world.wallOffMs = world.postgresOffMs = 3_600_000;
  expect(world.monitor.mayStamp()).toBe(false);
  expect(world.looks).toBe(looksBefore + 1); // asked at once, not at the next turn
  await settled();
  expect(world.monitor.mayStamp()).toBe(true);
});

test('a slow answer refuses nothing', async () => {
  world.wallOffMs = 450;
  world.roundTripMs = 600;
  await world.monitor.start();
  expect(world.monitor.mayStamp()).toBe(true);
  world.roundTripMs = 2;
  await world.passing.pass(2_000);
  expect(world.monitor.mayStamp()).toBe(false);
});

test('who cannot be asked is unknown: said, and nothing is refused', async () => {
  world.answer = () => Promise.reject(new Error('no route'));
  await world.monitor.start();
  expect(world.monitor.verdict.level).toBe('unknown');
  expect(world.monitor.mayStamp()).toBe(true);
  expect(world.said).toEqual(['postgres: no route']);
});

test('a start does not wait for ever for an answer', async () => {
  world.answer = () => new Promise(() => undefined);
  let started = false;
  void world.monitor.start().then(() => (started = true));
  await world.passing.pass(2_900);
  expect(started).toBe(false);
  await world.passing.pass(200);
  expect(started).toBe(true);
});

test('the timer alone sees a step, and asks each clock at its own pace', async () => {
  await world.monitor.start();
  await world.passing.pass(10_000);
  expect(world.looks).toBe(1 + 5);
  world.wallOffMs = -250;
  await world.passing.pass(200);
  expect(world.said).toEqual(['ok', 'stepped -250', 'alarm']);
  expect(world.monitor.trueMs()).toBeGreaterThanOrEqual(world.passing.nowMs() - 1);
  expect(world.monitor.trueMs()).toBeLessThanOrEqual(world.passing.nowMs() + 1);
});
