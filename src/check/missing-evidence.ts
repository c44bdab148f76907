import type { DeliveryJudge } from './delivery-judge.js';
import type { Evidence } from './evidence.js';
import type { RuleName } from './rules/catalogue.js';

/** The rules that can't be judged by this evidence, and what each would need. */
export function missingEvidence(evidence: Evidence, judge: DeliveryJudge): Map<RuleName, string> {
  const { ingest, delivery, rows, observations, lanes, logEnds, hasAbortedCopies } = evidence;
  const missing = new Map<RuleName, string>();
  const need = (rule: RuleName, has: boolean, what: string): void => {
    if (!has && !missing.has(rule)) missing.set(rule, what);
  };
  need('ends-once', ingest !== undefined, 'the ingest topic was not given');
  need('ends-once', delivery !== undefined || rows !== undefined, 'neither the delivery topic nor the rows were given');
  need('payload-unchanged', delivery !== undefined || rows !== undefined, 'there is nothing to compare');
  need('payload-unchanged', ingest !== undefined || rows !== undefined, 'there is nothing to compare deliveries with');
  for (const rule of ['stamps-unique', 'seq-dense', 'seq-order', 'sender-order', 'msg-id-grows'] as const) {
    need(rule, delivery !== undefined, 'the delivery topic was not given');
  }
  const copies = hasAbortedCopies === true || rows !== undefined;
  need('stamp-immutable', delivery !== undefined && copies, 'neither aborted copies nor rows were given');
  need('epoch-never-falls', judge.epochCount > 0, 'no delivery carries the header inorder-epoch');
  need('offset-behind-store', lanes !== undefined, 'the lanes were not given');
  need('batch-whole', delivery !== undefined && rows !== undefined, 'the rows and the transactions were not given');
  need('no-open-transaction', logEnds !== undefined, 'the ends of the topics were not given');
  for (const rule of ['readers-agree', 'reader-in-order'] as const) {
    need(rule, observations !== undefined, 'no reader wrote down what it saw');
  }
  return missing;
}
