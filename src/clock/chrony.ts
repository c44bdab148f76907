/** The offset that chrony knows, where chronyd runs on this host: it asks its servers all day and is the best word. */
import { execFile } from 'node:child_process';
import type { Clock } from './clock.js';
import type { ClockSample } from './reference.js';

const ANSWERS_WITHIN_MS = 2_000;
const MS_PER_S = 1_000;
/** Fields of `chronyc -c tracking`, counted from 0. */
const FIELD = { reference: 0, stratum: 2, slowS: 4, rootDelayS: 10, rootDispersionS: 11, leap: 13 } as const;

/** 127.127.1.1: chrony serves this host's own clock for want of a better one, which says nothing of it. */
const OWN_CLOCK = '7F7F0101';

/** Null where chrony isn't installed, doesn't run, or isn't synchronised. Never rejects. */
export async function askChrony(clock: Clock, chronyc: string): Promise<ClockSample | null> {
  const askedMs = clock.monotonicMs();
  const line = await runTracking(chronyc);
  const answeredMs = clock.monotonicMs();
  const tracking = line === null ? null : parseTracking(line);
  if (tracking === null) return null;
  // The offset is that of this host's clock, whenever in between it was read: only a step meanwhile would spoil it.
  const saidMs = clock.nowMs() + tracking.slowMs;
  const ownErrorMs = tracking.errorMs + spoiltBy(answeredMs - askedMs);
  return { source: 'ntp', askedMs: answeredMs, answeredMs, saidMs, ownErrorMs };
}

/** chrony slews by a twelfth of the time that passes, at most; the wall clock is read in whole milliseconds. */
function spoiltBy(tookMs: number): number {
  return tookMs / 12 + 1;
}

/** Exported for its test: the answer in CSV; null unless it says that the clock is synchronised. */
export function parseTracking(line: string): { slowMs: number; errorMs: number } | null {
  const fields = line.trim().split(',');
  const number = (field: number): number => Number(fields[field] || NaN);
  const slowMs = number(FIELD.slowS) * MS_PER_S;
  // The bound that chrony's manual gives for the error of its own clock.
  const errorMs = (number(FIELD.rootDelayS) / 2 + number(FIELD.rootDispersionS)) * MS_PER_S;
  const stratum = number(FIELD.stratum);
  const isSynchronised =
    stratum > 0 && stratum < 16 && fields[FIELD.leap] !== 'Not synchronised' && fields[FIELD.reference] !== OWN_CLOCK;
  return isSynchronised && Number.isFinite(slowMs) && Number.isFinite(errorMs) ? { slowMs, errorMs } : null;
}

function runTracking(command: string): Promise<string | null> {
  return new Promise((resolve) => {
    execFile(command, ['-c', 'tracking'], { timeout: ANSWERS_WITHIN_MS }, (error, stdout) => {
      resolve(error === null ? stdout : null);
    });
  });
}
