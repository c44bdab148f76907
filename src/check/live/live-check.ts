/**
 * Judges a delivery topic while it is written, by the rules that need nothing else: what is unique, dense, in order, and
 * whether a transaction hangs. It begins in the middle, so that a conversation may begin with any number. Whether all
 * that was ingested arrives is for a check of the whole. Memory grows with conversations.
 */
import type { Counter, Gauge, Metrics } from '../../observe/metrics.js';
import { DeliveryJudge } from '../delivery-judge.js';
import type { DeliveryRecord, Evidence, LogEnd } from '../evidence.js';
import { Findings } from '../findings.js';
import { missingEvidence } from '../missing-evidence.js';
import type { RuleName } from '../rules/catalogue.js';
import { judgeLogEnd } from '../rules/no-open-transaction.js';
import { verdictOf, type Finding, type Verdict } from '../verdict.js';

export const LIVE_RULES: readonly RuleName[] = [
  ...(['stamps-unique', 'seq-dense', 'seq-order', 'sender-order', 'msg-id-grows', 'stamp-immutable'] as const),
  ...(['epoch-never-falls', 'no-open-transaction'] as const),
];

export interface LiveCheckOptions {
  readonly topics: Evidence['topics'];
  /** Where the watching of each partition begins. */
  readonly from: ReadonlyMap<number, number>;
  /** Findings of a rule that are kept for the verdict; all are counted and told. */
  readonly findingsPerRule: number;
  /** A transaction that is open for longer hangs, ms. */
  readonly hangsAfterMs: number;
  readonly metrics: Metrics;
  readonly onFinding: (finding: Finding) => void;
}

export class LiveCheck {
  readonly #options: LiveCheckOptions;
  readonly #findings: Findings;
  readonly #judge: DeliveryJudge;
  readonly #delivered: Counter;
  readonly #behind: Gauge;
  readonly #conversations: Gauge;
  readonly #behindBy = new Map<number, number>();
  /** Where the transaction begins that was last found hanging, by partition. */
  readonly #hanging = new Map<number, number>();

  constructor(options: LiveCheckOptions) {
    const { metrics, topics, from, findingsPerRule, onFinding } = options;
    this.#options = options;
    const violations = metrics.counter('inorder_check_violations_total', 'Violations found by `inorder check --live`', [
      'rule',
    ]);
    for (const rule of LIVE_RULES) violations.inc(0, { rule });
    this.#delivered = metrics.counter('inorder_check_delivered_total', 'Deliveries judged by `inorder check --live`');
    const behind = 'Records of the delivery topic that are not judged yet';
    this.#behind = metrics.gauge('inorder_check_lag_records', behind, ['partition']);
    this.#conversations = metrics.gauge('inorder_check_conversations', 'Conversations seen by `inorder check --live`');
    this.#findings = new Findings(findingsPerRule, (finding) => {
      violations.inc(1, { rule: finding.rule });
      onFinding(finding);
    });
    const truncated = new Set([...from].filter(([, offset]) => offset > 0).map(([partition]) => partition));
    this.#judge = new DeliveryJudge({
      ...{ findings: this.#findings, topic: topics.delivery, truncated, hasAbortedCopies: true },
    });
  }

  get deliveredCount(): number {
    return this.#judge.deliveredCount;
  }

  get violationCount(): number {
    return this.#findings.count;
  }

  /** Records of all partitions that are not judged yet. */
  get lagRecords(): number {
    return [...this.#behindBy.values()].reduce((sum, behindBy) => sum + behindBy, 0);
  }

  /** What a partition brought, in offset order. */
  take(partition: number, records: readonly DeliveryRecord[], behindBy: number): void {
    const before = this.#judge.deliveredCount;
    for (const record of records) this.#judge.judge(record);
    this.#delivered.inc(this.#judge.deliveredCount - before);
    this.#behind.set(behindBy, { partition });
    this.#behindBy.set(partition, behindBy);
  }

  /** To be called every few seconds, with the ends of the topic as they are then. */
  sweep(ends: readonly LogEnd[]): void {
    this.#judge.sweep();
    this.#conversations.set(this.#judge.soFar.conversationCount);
    for (const end of ends) {
      this.#findings.judged('no-open-transaction', 1);
      const { topic, partition, stableOffset } = end;
      const judged = judgeLogEnd(end, false, this.#options.hangsAfterMs);
      if (judged.kind !== 'fail' || this.#hanging.get(partition) === stableOffset) continue;
      this.#hanging.set(partition, stableOffset);
      this.#findings.add('no-open-transaction', judged.sentence, [
        { kind: 'record', topic, partition, offset: stableOffset, what: 'the open transaction begins here' },
      ]);
    }
  }

  /** To be called once, at the end. */
  finish(): Verdict {
    const judge = this.#judge;
    judge.finish();
    const { topics, from } = this.#options;
    const evidence = { topics, partitions: [...from.keys()], delivery: () => [], hasAbortedCopies: true, logEnds: [] };
    const counts = {
      ...{
        ingested: 0,
        acknowledged: 0,
        acknowledgedNotJudged: 0,
        stored: 0,
        deadLetters: 0,
        duplicates: 0,
        inFlight: 0,
      },
      delivered: judge.deliveredCount,
      aborted: judge.abortedCount,
      conversations: judge.soFar.conversationCount,
    };
    return verdictOf(this.#findings.outcomes(missingEvidence(evidence, judge)), counts, null);
  }
}
