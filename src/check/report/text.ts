/** A verdict as lines for a person: the rules, then the evidence for what was found. */
import type { Exhibit, Finding, RuleOutcome, Verdict } from '../verdict.js';

/** A row for each rule: number, answer, what was looked at, violations, title and why. */
export function ruleRows({ outcomes }: Verdict): string[][] {
  return outcomes.map(({ number, answer, isJudged, judged, findingCount, title, reasons }) => [
    String(number),
    isJudged ? answer : 'not judged',
    judged.toLocaleString('en-US'),
    findingCount.toLocaleString('en-US'),
    reasons.length === 0 ? title : `${title} (${reasons.join('; ')})`,
  ]);
}

export function evidenceLines(outcome: RuleOutcome): string[] {
  const { findings, findingCount, number, title } = outcome;
  if (findingCount === 0) return [];
  const more = findingCount > findings.length ? [`  … and ${findingCount - findings.length} more`] : [];
  return [`rule ${number}, ${title}:`, ...findings.flatMap(findingLines), ...more];
}

function findingLines({ sentence, exhibits }: Finding): string[] {
  return [`  ${sentence}`, ...exhibits.map((exhibit) => `    ${exhibitText(exhibit)}`)];
}

export function exhibitText(exhibit: Exhibit): string {
  switch (exhibit.kind) {
    case 'record':
      return `${exhibit.topic}, partition ${exhibit.partition}, offset ${exhibit.offset}: ${exhibit.what}`;
    case 'row':
      return `${exhibit.table} WHERE ${exhibit.key}: ${exhibit.what}`;
    case 'observation':
      return `${exhibit.reader}: ${exhibit.what}`;
    case 'position':
      return exhibit.what;
  }
}
