import type { ClockLimits } from './judge-clock.js';
import type { NtpServer } from './sntp.js';

/** How the wall clock is watched. Validated by `config/`; this room trusts it. */
export interface ClockOptions {
  /** Asked where chrony doesn't run; may be empty. */
  readonly ntpServers: readonly NtpServer[];
  readonly limits: ClockLimits;
}
