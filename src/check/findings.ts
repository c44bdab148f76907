import { messageOf } from '../errors.js';
import { RULE_NAMES, RULES, type RuleName } from './rules/catalogue.js';
import type { Exhibit, Finding, RuleOutcome } from './verdict.js';

interface Tally {
  judged: number;
  findingCount: number;
  readonly findings: Finding[];
  readonly reasons: Set<string>;
}

/** Reasons are few by nature; a bound keeps it so. */
const MOST_REASONS = 20;

/** Gathers what the rules find: all of it counted, the first of each rule kept. */
export class Findings {
  readonly #perRule: number;
  readonly #tallies = new Map<RuleName, Tally>();
  readonly #listener: ((finding: Finding) => void) | null;

  /**
   * @param perRule findings of a rule that are kept with their exhibits.
   * @param listener told of every finding, kept or not.
   */
  constructor(perRule: number, listener: ((finding: Finding) => void) | null = null) {
    this.#perRule = perRule;
    this.#listener = listener;
    for (const rule of RULE_NAMES) {
      this.#tallies.set(rule, { judged: 0, findingCount: 0, findings: [], reasons: new Set() });
    }
  }

  /** Findings of all rules together. */
  get count(): number {
    let count = 0;
    for (const tally of this.#tallies.values()) count += tally.findingCount;
    return count;
  }

  add(rule: RuleName, sentence: string, exhibits: readonly Exhibit[]): void {
    const tally = this.#tally(rule);
    tally.findingCount += 1;
    const finding = { rule, sentence, exhibits };
    if (tally.findings.length < this.#perRule) tally.findings.push(finding);
    this.#listener?.(finding);
  }

  judged(rule: RuleName, count: number): void {
    this.#tally(rule).judged += count;
  }

  /** The rule can't be answered with pass any more. */
  unknown(rule: RuleName, reason: string): void {
    const { reasons } = this.#tally(rule);
    if (reasons.size < MOST_REASONS) reasons.add(reason);
  }

  /** Evidence ended before its end, or a rule threw: what was found stands, what was not found is not known. */
  incomplete(rules: readonly RuleName[], what: string, error: unknown): void {
    for (const rule of rules) this.unknown(rule, `${what} could not be judged to its end: ${messageOf(error)}`);
  }

  /** @param missing the rules without evidence, and what they would need. */
  outcomes(missing: ReadonlyMap<RuleName, string>): RuleOutcome[] {
    return RULE_NAMES.map((rule) => {
      const { judged, findingCount, findings, reasons } = this.#tally(rule);
      const lacking = missing.get(rule);
      const why = lacking === undefined ? [...reasons] : [lacking, ...reasons];
      const { number, title } = RULES[rule];
      const answer = findingCount > 0 ? 'fail' : why.length > 0 ? 'unknown' : 'pass';
      const isJudged = lacking === undefined || findingCount > 0;
      return { rule, number, title, answer, isJudged, judged, reasons: why, findings, findingCount };
    });
  }

  #tally(rule: RuleName): Tally {
    return this.#tallies.get(rule) as Tally;
  }
}
