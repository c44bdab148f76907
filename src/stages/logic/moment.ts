import type { Clock } from '../../clock/clock.js';
import type { Moment } from '../../ordering/held.js';

/** Now, as the ordering rules take it. */
export function momentOf(clock: Clock): Moment {
  return { nowMs: clock.nowMs(), monotonicMs: clock.monotonicMs() };
}
