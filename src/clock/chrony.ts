/** The offset that chrony knows, where chronyd runs on this host: it asks its servers all day and is the best word. */
import { execFile } from 'node:child_process';
import type { Clock } from './clock.js';
import type { ClockLook } from './reference.js';

const ANSWERS_WITHIN_MS = 2_000;
const MS_PER_S = 1_000;
/** The wall clock tells whole milliseconds; on average it is half of one later. */
const HALF_A_MS = 0.5;
/** Fields of `chronyc -c tracking`, counted from 0. */
const FIELD = {
  reference: 0,
  stratum: 2,
  measuredAtS: 3,
  slowS: 4,
  rootDelayS: 10,
  rootDispersionS: 11,
  leap: 13,
} as const;

/** 127.127.1.1: chrony serves this host's own clock for want of a better one, which says nothing of it. */
const OWN_CLOCK = '7F7F0101';

/** Clocks that run freely, and reading two of them one after the other, stay within this between two looks. */
const SAME_MS = 20;
const SAME_MS_PER_MS = 0.000_5;

/**
 * A look at chrony's word; null where chrony isn't installed, doesn't run, or isn't synchronised. Never rejects.
 *
 * chrony knows of its own corrections only: when somebody else sets the clock, it goes on saying that all is well until
 * it measures again, which may take a quarter of an hour. Such a word is none.
 */
export function chronyLook(clock: Clock, chronyc: string): () => Promise<ClockLook | null> {
  /** The truth as chrony last measured it, over the monotonic clock. */
  let measured = { atS: NaN, aheadMs: 0, monotonicMs: 0 };
  return async () => {
    const line = await runTracking(chronyc);
    const tracking = line === null ? null : parseTracking(line);
    if (tracking === null) return null;
    const monotonicMs = clock.monotonicMs();
    const saidMs = clock.nowMs() + HALF_A_MS + tracking.slowMs;
    const aheadMs = saidMs - monotonicMs;
    if (tracking.measuredAtS !== measured.atS) measured = { atS: tracking.measuredAtS, aheadMs, monotonicMs };
    const mayDifferMs = SAME_MS + (monotonicMs - measured.monotonicMs) * SAME_MS_PER_MS;
    if (Math.abs(aheadMs - measured.aheadMs) > mayDifferMs)
      return { kind: 'silent', reason: 'somebody set the clock, and chrony has not measured since' };
    const ownErrorMs = tracking.errorMs + HALF_A_MS;
    return {
      kind: 'seen',
      sample: { source: 'ntp', askedMs: monotonicMs, answeredMs: monotonicMs, saidMs, ownErrorMs },
    };
  };
}

/** Exported for its test: the answer in CSV; null unless it says that the clock is synchronised. */
export function parseTracking(line: string): { slowMs: number; errorMs: number; measuredAtS: number } | null {
  const fields = line.trim().split(',');
  const number = (field: number): number => Number(fields[field] || NaN);
  const slowMs = number(FIELD.slowS) * MS_PER_S;
  // The bound that chrony's manual gives for the error of its own clock.
  const errorMs = (number(FIELD.rootDelayS) / 2 + number(FIELD.rootDispersionS)) * MS_PER_S;
  const stratum = number(FIELD.stratum);
  const isSynchronised =
    stratum > 0 && stratum < 16 && fields[FIELD.leap] !== 'Not synchronised' && fields[FIELD.reference] !== OWN_CLOCK;
  return isSynchronised && Number.isFinite(slowMs) && Number.isFinite(errorMs)
    ? { slowMs, errorMs, measuredAtS: number(FIELD.measuredAtS) }
    : null;
}

function runTracking(command: string): Promise<string | null> {
  return new Promise((resolve) => {
    execFile(command, ['-c', 'tracking'], { timeout: ANSWERS_WITHIN_MS }, (error, stdout) => {
      resolve(error === null ? stdout : null);
    });
  });
}
