/** Scales of the plots: from values to places in a drawing, and the values that are written beside them. */

export interface Scale {
  /** The place of a value; values outside lie at the edge. */
  readonly place: (value: number) => number;
  readonly ticks: readonly number[];
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const TIME_STEPS_MS = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND_MS),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE_MS),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR_MS),
  ...[1, 2, 7, 14, 30, 60, 120, 365, 730, 1_825, 3_650].map((n) => n * DAY_MS),
];
const MOST_TICKS = 7;

/** Times in UTC, or offsets, from left to right. */
export function alongScale(axis: 'time' | 'offset', from: number, to: number, left: number, right: number): Scale {
  const span = Math.max(to - from, 1);
  const step = axis === 'time' ? timeStep(span) : roundStep(span);
  const ticks = [];
  for (let tick = Math.ceil(from / step) * step; tick <= to; tick += step) ticks.push(tick);
  return { place: (value) => left + (clamped(value, from, to) - from) * ((right - left) / span), ticks };
}

function timeStep(span: number): number {
  return TIME_STEPS_MS.find((step) => span / step <= MOST_TICKS) ?? roundStep(span);
}

function roundStep(span: number): number {
  const power = 10 ** Math.floor(Math.log10(span / MOST_TICKS));
  return [1, 2, 5, 10].map((n) => n * power).find((step) => span / step <= MOST_TICKS) ?? power;
}

const LATENCY_TICKS_MS = [1, 10, 100, SECOND_MS, 10 * SECOND_MS, MINUTE_MS, 10 * MINUTE_MS, HOUR_MS, 10 * HOUR_MS];

/** From 1 ms at the bottom, by their logarithm. */
export function latencyScale(highestMs: number, bottom: number, top: number): Scale {
  const high = Math.log10(highestMs);
  const place = (ms: number): number =>
    bottom + (clamped(Math.log10(Math.max(ms, 1)), 0, high) / high) * (top - bottom);
  return { place, ticks: LATENCY_TICKS_MS.filter((ms) => ms <= highestMs) };
}

/** Whole numbers on both sides of 0, far ones closer together: one place off is as visible as a thousand. */
export function signedLogScale(lowest: number, highest: number, bottom: number, top: number): Scale {
  const squeeze = (value: number): number => Math.sign(value) * Math.log10(1 + Math.abs(value));
  const [low, high] = [squeeze(Math.min(lowest, -3)), squeeze(Math.max(highest, 3))];
  const ticks = [0];
  for (let value = 10; value <= Math.max(highest, -lowest, 3); value *= 10) ticks.push(value, -value);
  ticks.push(1, -1);
  const place = (value: number): number =>
    bottom + (clamped(squeeze(value), low, high) - low) * ((top - bottom) / (high - low));
  return { place, ticks: ticks.filter((tick) => squeeze(tick) >= low && squeeze(tick) <= high) };
}

function clamped(value: number, from: number, to: number): number {
  return Math.min(Math.max(value, from), to);
}

/** A time as far as a step of the axis tells times apart. */
export function timeText(atMs: number, spanMs: number): string {
  const iso = new Date(atMs).toISOString();
  if (spanMs > 3 * DAY_MS) return iso.slice(0, 10);
  if (spanMs > DAY_MS) return iso.slice(5, 16).replace('T', ' ');
  return spanMs > 10 * SECOND_MS ? iso.slice(11, 19) : iso.slice(11, 23);
}

/** `850 ms`, `2.5 s`, `3 min`, `2 h`. */
export function durationText(ms: number): string {
  const [value, unit] =
    ms < SECOND_MS
      ? [ms, 'ms']
      : ms < MINUTE_MS
        ? [ms / SECOND_MS, 's']
        : ms < HOUR_MS
          ? [ms / MINUTE_MS, 'min']
          : [ms / HOUR_MS, 'h'];
  return `${Number(value.toPrecision(2))} ${unit}`;
}
