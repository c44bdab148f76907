import { describe, expect, test } from '@jest/globals';
import { judgeClock, type ClockLevel, type ClockOffset } from '../../src/clock/judge-clock.js';
import { betterOf, errorAt, referenceOf, type ClockReference } from '../../src/clock/reference.js';

const LIMITS = { warnMs: 50, alarmMs: 200, refuseMs: 400 };

function offset(source: ClockOffset['source'], offsetMs: number, errorMs = 1): ClockOffset {
  return { source, offsetMs, errorMs };
}

function levelOf(offsets: readonly ClockOffset[], before: ClockLevel = 'ok'): ClockLevel {
  return judgeClock(offsets, LIMITS, before).level;
}

describe('the level of a clock', () => {
  test.each([
    [0, 'ok'],
    [48, 'ok'],
    [50, 'warn'],
    [198, 'warn'],
    [200, 'alarm'],
    [398, 'alarm'],
    [400, 'refuse'],
    [3_600_000, 'refuse'],
  ] as const)('%i ms either way is %s', (ms, level) => {
    for (const sign of [1, -1]) expect(levelOf([offset('ntp', sign * ms)])).toBe(level);
  });

  test('what a coarse measurement leaves open refuses nothing', () => {
    expect(levelOf([offset('postgres', 450, 100)])).toBe('alarm');
    expect(levelOf([offset('postgres', 450, 30)])).toBe('refuse');
    expect(levelOf([offset('postgres', 450, 1_000)])).toBe('unknown');
    expect(levelOf([offset('postgres', 0, 150)])).toBe('ok');
    expect(levelOf([offset('postgres', 0, 250)])).toBe('unknown');
  });

  test('nobody to ask is unknown', () => {
    expect(judgeClock([], LIMITS, 'refuse')).toEqual({ level: 'unknown', offsetMs: null, offsets: [], reasons: [] });
  });

  test('NTP is believed against both servers, and says which of them is wrong', () => {
    const verdict = judgeClock(
      [offset('ntp', 2), offset('postgres', -3_600_000), offset('kafka', -3_600_000)],
      LIMITS,
      'ok',
    );
    expect(verdict.level).toBe('warn');
    expect(verdict.offsetMs).toBe(2);
    expect(verdict.reasons).toEqual([
      "PostgreSQL's clock is 3600002 ms ahead of NTP's",
      "Kafka's clock is 3600002 ms ahead of NTP's",
    ]);
  });

  test('without NTP two servers must agree: one that is wrong alone stops nobody', () => {
    expect(levelOf([offset('postgres', 900), offset('kafka', 2)])).toBe('warn');
    expect(levelOf([offset('postgres', 900), offset('kafka', -900)])).toBe('warn');
    expect(levelOf([offset('postgres', 900), offset('kafka', 870)])).toBe('refuse');
    expect(levelOf([offset('postgres', 900), offset('kafka', 260)])).toBe('alarm');
    expect(judgeClock([offset('postgres', 900), offset('kafka', 2)], LIMITS, 'ok').reasons).toEqual([
      "Kafka's clock is 898 ms ahead of PostgreSQL's",
    ]);
  });

  test('a coarse word that leaves the exact one possible takes nothing from it', () => {
    expect(levelOf([offset('postgres', 404), offset('kafka', 380, 30)])).toBe('refuse');
    expect(levelOf([offset('postgres', 404), offset('kafka', 330, 30)])).toBe('alarm');
  });

  test('one server alone is believed, and the sentence says what is wrong with whom', () => {
    expect(judgeClock([offset('kafka', -512.4, 1.2)], LIMITS, 'ok')).toMatchObject({
      level: 'refuse',
      reasons: ['this clock is 512 ms behind Kafka (±1.2 ms): nothing is stamped until it is right again'],
    });
  });

  test('a level is left well below its limit, so that a clock at a limit does not flap', () => {
    expect(levelOf([offset('ntp', 390)], 'refuse')).toBe('refuse');
    expect(levelOf([offset('ntp', 310)], 'refuse')).toBe('alarm');
    expect(levelOf([offset('ntp', 170)], 'refuse')).toBe('alarm');
    expect(levelOf([offset('ntp', 390)], 'alarm')).toBe('alarm');
    expect(levelOf([offset('ntp', 45)], 'warn')).toBe('warn');
    expect(levelOf([offset('ntp', 35)], 'warn')).toBe('ok');
  });

  test('never refusing still raises the alarm', () => {
    expect(judgeClock([offset('ntp', 3_600_000)], { ...LIMITS, refuseMs: null }, 'ok').level).toBe('alarm');
  });
});

describe('what is known of another clock', () => {
  const seen = (aheadOfMonotonicMs: number, errorMs: number, takenMs: number): ClockReference => ({
    ...{ source: 'postgres', aheadOfMonotonicMs, errorMs, takenMs },
  });

  test('a look counts for the middle of its bracket, half the round trip is the error', () => {
    const sample = { source: 'ntp', askedMs: 100, answeredMs: 140, saidMs: 5_000, ownErrorMs: 3 } as const;
    expect(referenceOf(sample)).toEqual({ source: 'ntp', aheadOfMonotonicMs: 4_880, errorMs: 23, takenMs: 140 });
  });

  test('the error grows with age, and at last nothing is known', () => {
    expect(errorAt(seen(0, 1, 1_000), 1_000)).toBe(1);
    expect(errorAt(seen(0, 1, 1_000), 61_000)).toBeCloseTo(7);
    expect(errorAt(seen(0, 1, 1_000), 400_000)).toBeNull();
  });

  test('of two looks that can both be true the exact one is kept', () => {
    expect(betterOf(seen(0, 1, 0), seen(20, 30, 2_000))).toEqual(seen(0, 1, 0));
    expect(betterOf(seen(0, 30, 0), seen(20, 1, 2_000))).toEqual(seen(20, 1, 2_000));
  });

  test('a look that contradicts the kept one replaces it, however coarse: the other clock was set', () => {
    expect(betterOf(seen(0, 1, 0), seen(3_600_000, 500, 2_000))).toEqual(seen(3_600_000, 500, 2_000));
  });

  test('what is too old to say anything gives way', () => {
    expect(betterOf(seen(0, 1, 0), seen(20, 300, 400_000))).toEqual(seen(20, 300, 400_000));
  });
});
