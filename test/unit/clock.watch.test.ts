import { expect, test } from '@jest/globals';
import type { Clock } from '../../src/clock/clock.js';
import type { Log } from '../../src/observe/log.js';
import { createMetrics } from '../../src/observe/prometheus.js';
import { openClockWatch } from '../../src/pipeline/watch-clock.js';
import type { Database } from '../../src/postgres/database.js';
import { ManualClock } from '../support/manual-clock.js';

const TRUTH_MS = Date.UTC(2026, 0, 1);

test('what the monitor finds is logged once a change, counted, and shown to who asks whether the process is ready', async () => {
  const time = new ManualClock(TRUTH_MS);
  let offMs = 0;
  const clock: Clock = {
    nowMs: () => time.nowMs() + offMs,
    monotonicMs: () => time.monotonicMs(),
    sleep: (ms, signal) => time.sleep(ms, signal),
  };
  const lines: string[] = [];
  const say =
    (level: string): Log['info'] =>
    (event, fields) => {
      const { now, byMs } = (fields ?? {}) as { now?: string; byMs?: number };
      lines.push(`${level} ${event} ${now ?? byMs ?? ''}`);
    };
  const log: Log = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error'), child: () => log };
  const database = { query: async () => [{ now_ms: String(time.nowMs()) }] } as unknown as Database;
  const metrics = createMetrics();
  const options = { ntpServers: [], limits: { warnMs: 50, alarmMs: 200, refuseMs: 400 } };
  const watch = openClockWatch({ options, database, clock, log, metrics });
  await watch.monitor.start();
  expect(watch.health(true)).toEqual({ ready: true, reasons: [] });

  offMs = 250;
  await time.pass(200);
  expect(watch.health(true)).toMatchObject({
    ready: true,
    warnings: [expect.stringContaining('clock: this clock is 2')],
  });
  watch.stampedUpTo(clock.nowMs());
  offMs = 1_000;
  await time.pass(200);
  const { ready, reasons } = watch.health(true);
  expect([ready, reasons.length]).toEqual([false, 1]);
  expect(watch.health(false)).toMatchObject({ ready: true, warnings: reasons }); // who doesn't stamp can do its work
  offMs = 0;
  await time.pass(200);
  const { body } = await metrics.exposition();
  await watch.monitor.stop();

  expect(lines).toEqual([
    ...['info clock level changed ok', 'warn the wall clock was set 250', 'error clock level changed alarm'],
    ...['warn the wall clock was set 750', 'error clock level changed refuse'],
    ...['warn the wall clock was set -1000', 'info clock level changed ok'],
  ]);
  expect(body).toMatch(/^inorder_clock_level 0$/m);
  expect(body).toMatch(/^inorder_clock_offset_ms\{source="postgres"\} -?0(\.\d+)?$/m);
  expect(body).toMatch(/^inorder_clock_steps_total\{direction="forward"\} 2$/m);
  expect(body).toMatch(/^inorder_clock_steps_total\{direction="back"\} 1$/m);
  // Stamped 250 ms ahead, 400 ms ago.
  const aheadMs = Number(/^inorder_logic_ids_ahead_ms (\S+)$/m.exec(body)?.[1]);
  expect(aheadMs).toBeGreaterThanOrEqual(0);
  expect(aheadMs).toBeLessThanOrEqual(50);
});
