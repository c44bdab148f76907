import { systemClock } from '../clock/clock.js';
import { armFailpoints, type FailpointPlan } from '../failpoint.js';
import type { Log } from '../observe/log.js';

/** Makes a plan's points do to this process what they say; every hit is a log line, so that hits can be counted. */
export function armProcess(plan: FailpointPlan, log: Log): void {
  log.warn('failpoints are armed: this process will fail on purpose', { points: plan.rules.map(({ name }) => name) });
  armFailpoints(plan, {
    hit: (name, action) => {
      log.warn('failpoint hit', { failpoint: name, action: action.kind });
    },
    kill: () => {
      process.kill(process.pid, 'SIGKILL');
    },
    pause: (ms) => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
    },
    sleep: (ms) => systemClock.sleep(ms),
  });
}
