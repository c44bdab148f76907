/** The clock monitor of a process of stages: whom it asks, and where what it finds is logged, counted and shown. */
import { ClockMonitor, type ClockProbe, type ClockReports } from '../clock/clock-monitor.js';
import type { Clock } from '../clock/clock.js';
import type { ClockLevel, ClockVerdict } from '../clock/judge-clock.js';
import { ntpProbe } from '../clock/ntp-probe.js';
import type { ClockOptions } from '../clock/options.js';
import type { ClockSource } from '../clock/reference.js';
import type { HealthReport } from '../observe/health.js';
import type { Log, LogFields } from '../observe/log.js';
import type { Metrics } from '../observe/metrics.js';
import type { Database } from '../postgres/database.js';
import { readClock } from '../postgres/read-clock.js';

export interface ClockWatch {
  readonly monitor: ClockMonitor;
  /** A lane of this process gave out ids up to this time, ms since 1970 UTC. */
  stampedUpTo(idMs: number): void;
  /** @param stamps whether a stage of this process stamps: only that one can't do its work with a wrong clock. */
  health(stamps: boolean): HealthReport;
}

export interface ClockWatchDeps {
  readonly options: ClockOptions;
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Asks nobody yet; the monitor's `start` does. */
export function openClockWatch({ options, database, clock, log, metrics }: ClockWatchDeps): ClockWatch {
  let lastIdMs = 0;
  const monitor: ClockMonitor = new ClockMonitor({
    clock,
    limits: options.limits,
    probes: [ntpProbe(options.ntpServers, clock), postgresProbe(database, clock)],
    reports: clockReports(log, metrics, () => Math.max(0, lastIdMs - monitor.trueMs())),
  });
  return {
    monitor,
    stampedUpTo: (idMs) => {
      lastIdMs = Math.max(lastIdMs, idMs);
    },
    health: (stamps) => healthOf(monitor.verdict, stamps),
  };
}

function healthOf({ level, reasons }: ClockVerdict, stamps: boolean): HealthReport {
  const said = reasons.map((reason) => `clock: ${reason}`);
  if (level === 'refuse' && stamps) return { ready: false, reasons: said };
  return { ready: true, reasons: [], ...(isBad(level) ? { warnings: said } : {}) };
}

function isBad(level: ClockLevel): boolean {
  return level === 'alarm' || level === 'refuse';
}

const ASK_POSTGRES_EVERY_MS = 2_000;
const POSTGRES_FIRST_LOOKS = 3;

function postgresProbe(database: Database, clock: Clock): ClockProbe {
  return {
    source: 'postgres',
    everyMs: ASK_POSTGRES_EVERY_MS,
    firstLooks: POSTGRES_FIRST_LOOKS,
    look: async () => {
      const askedMs = clock.monotonicMs();
      const saidMs = await readClock(database);
      const sample = { source: 'postgres', askedMs, answeredMs: clock.monotonicMs(), saidMs, ownErrorMs: 0 } as const;
      return { kind: 'seen', sample };
    },
  };
}

const LEVEL_VALUES: Readonly<Record<ClockLevel, number>> = { unknown: -1, ok: 0, warn: 1, alarm: 2, refuse: 3 };

function clockReports(log: Log, metrics: Metrics, idsAheadMs: () => number): ClockReports {
  const levels = metrics.gauge('inorder_clock_level', 'The wall clock: -1 unknown, 0 ok, 1 warn, 2 alarm, 3 refuse');
  const offsets = metrics.gauge('inorder_clock_offset_ms', 'The wall clock minus another, by source', ['source']);
  const errors = metrics.gauge('inorder_clock_error_ms', 'How inexact that offset may be, by source', ['source']);
  const steps = metrics.counter('inorder_clock_steps_total', 'The wall clock was set, by direction', ['direction']);
  const idsAhead = metrics.gauge('inorder_logic_ids_ahead_ms', 'How far ids run ahead of the true time');
  let known: ReadonlySet<ClockSource> = new Set();
  const silent = new Set<ClockSource>();
  return {
    looked: ({ level, offsets: measured }) => {
      levels.set(LEVEL_VALUES[level]);
      idsAhead.set(idsAheadMs());
      for (const { source, offsetMs, errorMs } of measured) {
        offsets.set(offsetMs, { source });
        errors.set(errorMs, { source });
      }
      const now = new Set(measured.map(({ source }) => source));
      for (const source of known) {
        if (now.has(source)) continue;
        offsets.remove({ source });
        errors.remove({ source });
      }
      known = now;
    },
    levelChanged: (verdict, before) => {
      const fields = { before: before.level, ...fieldsOf(verdict) };
      if (isBad(verdict.level)) log.error('clock level changed', fields);
      else if (verdict.level === 'ok') log.info('clock level changed', fields);
      else log.warn('clock level changed', fields);
    },
    stepped: (byMs) => {
      steps.inc(1, { direction: byMs < 0 ? 'back' : 'forward' });
      log.warn('the wall clock was set', { byMs: Math.round(byMs) });
    },
    silent: (source, reason) => {
      if (silent.has(source)) return;
      silent.add(source);
      log.warn('another clock could not be read', { source, reason });
    },
    heard: (source) => {
      silent.delete(source);
    },
  };
}

function fieldsOf({ level, reasons, offsets }: ClockVerdict): LogFields {
  const fields: Record<string, unknown> = { now: level };
  for (const { source, offsetMs, errorMs } of offsets) fields[source] = `${round(offsetMs)} ± ${round(errorMs)} ms`;
  return reasons.length === 0 ? fields : { ...fields, reasons };
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10;
}
