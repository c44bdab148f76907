/** What the checker answers. Nothing is rounded up: evidence that ended early, or a rule that failed, is `unknown`. */
import type { RuleName } from './rules/catalogue.js';

export type Answer = 'pass' | 'fail' | 'unknown';

/** One thing that a finding points at, in the order in which it happened. */
export type Exhibit =
  | {
      readonly kind: 'record';
      readonly topic: string;
      readonly partition: number;
      readonly offset: number;
      readonly what: string;
    }
  | {
      readonly kind: 'row';
      readonly table: string;
      readonly key: string;
      /** When it was written, ms since 1970 UTC; null where that is not known. */
      readonly atMs: number | null;
      readonly what: string;
    }
  | { readonly kind: 'observation'; readonly reader: string; readonly what: string }
  | { readonly kind: 'position'; readonly what: string };

/** A violation: which rule, in a sentence a person understands, and what shows it. */
export interface Finding {
  readonly rule: RuleName;
  readonly sentence: string;
  readonly exhibits: readonly Exhibit[];
}

export interface RuleOutcome {
  readonly rule: RuleName;
  readonly number: number;
  readonly title: string;
  readonly answer: Answer;
  /** Whether there was evidence to judge by. What was not judged counts in the whole answer only where it is required. */
  readonly isJudged: boolean;
  /** Things looked at: records, rows, lanes. */
  readonly judged: number;
  /** Why the answer is unknown; empty otherwise. */
  readonly reasons: readonly string[];
  /** The first ones. */
  readonly findings: readonly Finding[];
  readonly findingCount: number;
}

/** What was there. */
export interface Counts {
  ingested: number;
  /** Places that producers noted; 0 where they noted none. */
  acknowledged: number;
  /** Of these, deleted from the topic's beginning, or beyond what was read. */
  acknowledgedNotJudged: number;
  delivered: number;
  /** Copies of aborted transactions. */
  aborted: number;
  stored: number;
  deadLetters: number;
  duplicates: number;
  inFlight: number;
  conversations: number;
}

export interface Verdict {
  readonly answer: Answer;
  /** In the order of their numbers. */
  readonly outcomes: readonly RuleOutcome[];
  readonly counts: Readonly<Counts>;
}

/** The worst answer there is: fail before unknown before pass; unknown where there is none. */
export function worst(answers: readonly Answer[]): Answer {
  if (answers.length === 0 || answers.includes('unknown')) return answers.includes('fail') ? 'fail' : 'unknown';
  return answers.includes('fail') ? 'fail' : 'pass';
}

/** @param required rules that count even where there was no evidence for them; null: those that could be judged. */
export function verdictOf(
  outcomes: readonly RuleOutcome[],
  counts: Readonly<Counts>,
  required: ReadonlySet<RuleName> | null,
): Verdict {
  const counted = outcomes.filter(({ rule, isJudged }) => (required === null ? isJudged : required.has(rule)));
  return { answer: worst(counted.map(({ answer }) => answer)), outcomes, counts };
}
