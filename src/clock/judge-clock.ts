/**
 * How wrong our wall clock is, judged from what other clocks say of it. Pure. The rules, in the order of their rank:
 *
 *  1. NTP is the truth where it is known; what PostgreSQL and Kafka say then only tells of their clocks.
 *  2. Without NTP, PostgreSQL and Kafka judge, and only what both confirm counts: where they contradict each other one
 *     of them is wrong, ours agrees with the other, and that is a warning for a person.
 *  3. One server alone is believed.
 *  4. Nobody: unknown. What isn't known refuses nothing.
 *
 * An exact measurement counts whole, a coarse one only as far as it is certain: a slow network must not stop a lane.
 */
import type { ClockSource } from './reference.js';

/** From mild to severe; `unknown` is nobody's word, or words too coarse to tell an alarm from a good clock. */
export type ClockLevel = 'unknown' | 'ok' | 'warn' | 'alarm' | 'refuse';

export interface ClockLimits {
  readonly warnMs: number;
  readonly alarmMs: number;
  /** From here on nothing is stamped; null never refuses. */
  readonly refuseMs: number | null;
}

/** Our wall clock against another: positive when ours is ahead. */
export interface ClockOffset {
  readonly source: ClockSource;
  readonly offsetMs: number;
  readonly errorMs: number;
}

export interface ClockVerdict {
  readonly level: ClockLevel;
  /** By how much ours is off, by those who judged; null when nobody did. */
  readonly offsetMs: number | null;
  readonly offsets: readonly ClockOffset[];
  /** What a person should look at, in sentences; empty when all is well. */
  readonly reasons: readonly string[];
}

/** A measurement this exact counts with its error; a coarser one without. */
const EXACT_MS = 10;
/** A level is left well below where it began, so that a clock at a limit doesn't flap. */
const LEAVES_AT = 0.8;

/** @param before the level so far. */
export function judgeClock(offsets: readonly ClockOffset[], limits: ClockLimits, before: ClockLevel): ClockVerdict {
  const ntp = offsets.filter(({ source }) => source === 'ntp');
  const judges = ntp.length > 0 ? ntp : offsets;
  const confirmed = confirmedBy(judges);
  if (confirmed === null) return { level: 'unknown', offsetMs: null, offsets, reasons: [] };
  const apart = disagreements(offsets, limits);
  const level = levelOf(confirmed.reachMs, limits, before);
  const tellsNothing = level === 'ok' && confirmed.errorMs >= limits.alarmMs;
  const reasons = level === 'ok' ? apart : [sentenceOf(confirmed, level, judges), ...apart];
  return {
    level: level === 'ok' && apart.length > 0 ? 'warn' : tellsNothing ? 'unknown' : level,
    offsetMs: confirmed.offsetMs,
    offsets,
    reasons,
  };
}

interface Confirmed {
  readonly offsetMs: number;
  readonly errorMs: number;
  /** What of the offset counts; 0 or more. */
  readonly reachMs: number;
}

/**
 * The most exact word, where all can be true at once; else the mildest, and nothing where they point in opposite
 * directions. Null without judges.
 */
function confirmedBy(judges: readonly ClockOffset[]): Confirmed | null {
  const words = judges.map(({ offsetMs, errorMs }) => ({ offsetMs, errorMs, reachMs: reachOf(offsetMs, errorMs) }));
  const [exact] = words.sort((a, b) => a.errorMs - b.errorMs);
  if (exact === undefined) return null;
  if (words.every((word) => Math.abs(word.offsetMs - exact.offsetMs) <= word.errorMs + exact.errorMs)) return exact;
  const mildest = words.reduce((a, b) => (b.reachMs < a.reachMs ? b : a));
  const agree = words.every(({ offsetMs }) => Math.sign(offsetMs) === Math.sign(exact.offsetMs));
  return agree ? mildest : { ...mildest, reachMs: 0 };
}

function reachOf(offsetMs: number, errorMs: number): number {
  const size = Math.abs(offsetMs);
  return errorMs <= EXACT_MS ? size + errorMs : Math.max(0, size - errorMs);
}

const LADDER = ['refuse', 'alarm', 'warn'] as const;

function levelOf(reachMs: number, limits: ClockLimits, before: ClockLevel): ClockLevel {
  const limitOf = { refuse: limits.refuseMs ?? Infinity, alarm: limits.alarmMs, warn: limits.warnMs };
  const held = LADDER.find((level) => level === before);
  return (
    LADDER.find((level) => {
      const holds = held !== undefined && LADDER.indexOf(held) <= LADDER.indexOf(level);
      return reachMs >= limitOf[level] * (holds ? LEAVES_AT : 1);
    }) ?? 'ok'
  );
}

const NAMES: Readonly<Record<ClockSource, string>> = { ntp: 'NTP', postgres: 'PostgreSQL', kafka: 'Kafka' };

function sentenceOf({ offsetMs, errorMs }: Confirmed, level: ClockLevel, judges: readonly ClockOffset[]): string {
  const who = judges.map(({ source }) => NAMES[source]).join(' and ');
  const direction = offsetMs < 0 ? 'behind' : 'ahead of';
  const off = `this clock is ${shown(offsetMs)} ms ${direction} ${who} (±${shown(errorMs)} ms)`;
  return level === 'refuse' ? `${off}: nothing is stamped until it is right again` : off;
}

/** Pairs of other clocks that can't both be right, by more than a warning. */
function disagreements(offsets: readonly ClockOffset[], { warnMs }: ClockLimits): string[] {
  return offsets.flatMap((one, index) =>
    offsets.slice(index + 1).flatMap((other) => {
      const apartMs = one.offsetMs - other.offsetMs;
      if (Math.abs(apartMs) - one.errorMs - other.errorMs < warnMs) return [];
      const direction = apartMs < 0 ? 'behind' : 'ahead of';
      return [`${NAMES[other.source]}'s clock is ${shown(apartMs)} ms ${direction} ${NAMES[one.source]}'s`];
    }),
  );
}

function shown(ms: number): string {
  return Math.abs(ms).toFixed(Math.abs(ms) < 10 ? 1 : 0);
}
