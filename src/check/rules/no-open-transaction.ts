import type { LogEnd } from '../evidence.js';

export type TransactionJudgement =
  { readonly kind: 'pass' } | { readonly kind: 'fail' | 'unknown'; readonly sentence: string };

/**
 * Rule 13. Once nothing is written any more, the last stable offset of every partition is its end: no transaction hangs,
 * behind which read-committed readers would wait for ever. While a system runs, a transaction may be open: it hangs when
 * it is older than `hangsAfterMs`, which is longer than the broker lets any of them be.
 */
export function judgeLogEnd(end: LogEnd, isDrained: boolean, hangsAfterMs: number): TransactionJudgement {
  const { topic, partition, stableOffset, endOffset, openForMs } = end;
  if (stableOffset >= endOffset) return { kind: 'pass' };
  const sentence =
    `${topic}, partition ${partition}, ends at ${endOffset}, and readers get no farther than ${stableOffset}` +
    (openForMs === null ? '' : `: a transaction has been open for ${Math.round(openForMs / 1000)} s`);
  const hangs = isDrained || (openForMs !== null && openForMs > hangsAfterMs);
  return { kind: hangs ? 'fail' : 'unknown', sentence };
}
