import type { ReorderRules } from '../../src/ordering/options.js';

/** The defaults, but for bounds that no test reaches unless it means to. */
export const REORDER: ReorderRules = {
  windowMs: 500,
  silenceMs: 0,
  maxPerSender: 1_000,
  maxCount: 10_000,
  maxBytes: 100_000_000,
  resetAfterMs: 12 * 3_600_000,
};
