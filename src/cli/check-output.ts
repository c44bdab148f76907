/** What `inorder check` says to a person. */
import { evidenceLines, ruleRows } from '../check/report/text.js';
import type { SelfTestReport } from '../check/self-test/run-self-test.js';
import type { Verdict } from '../check/verdict.js';
import { print } from './output.js';
import { grouped } from './progress.js';
import { tableLines } from './table.js';

export function showVerdict(verdict: Verdict, seconds: number): void {
  const { counts } = verdict;
  const columns = [
    { title: 'rule', align: 'right' as const },
    { title: 'answer' },
    { title: 'judged', align: 'right' as const },
    { title: 'violations', align: 'right' as const },
    { title: 'what' },
  ];
  for (const line of tableLines(columns, ruleRows(verdict))) print(line);
  for (const outcome of verdict.outcomes) {
    const lines = evidenceLines(outcome);
    if (lines.length > 0) print(['', ...lines].join('\n'));
  }
  const all = counts.ingested + counts.delivered + counts.aborted + counts.stored;
  print(
    `\n${grouped(counts.ingested)} ingested, ${grouped(counts.stored)} stored, ${grouped(counts.delivered)} delivered, ` +
      `${grouped(counts.deadLetters)} dead letters, ${grouped(counts.duplicates)} duplicates, ` +
      `${grouped(counts.inFlight)} on their way, ${grouped(counts.conversations)} conversations`,
  );
  if (counts.acknowledged > 0) {
    const left = counts.acknowledgedNotJudged;
    const beyond = left === 0 ? '' : `, ${grouped(left)} of them deleted since, or beyond what was read: not judged`;
    print(`${grouped(counts.acknowledged)} acknowledged places looked for${beyond}`);
  }
  print(
    `${grouped(all)} records and rows in ${seconds.toFixed(1)} s, ${grouped(process.memoryUsage.rss() / 1_048_576)} MiB`,
  );
  print(verdict.answer);
}

export function showSelfTest({ planted, clean }: SelfTestReport): void {
  const rows = planted.map(({ name, rule, isFound }) => [isFound ? 'found' : 'NOT FOUND', rule, name]);
  for (const line of tableLines([{ title: 'planted' }, { title: 'rule' }, { title: 'what' }], rows)) print(line);
  const found = planted.filter(({ isFound }) => isFound).length;
  print(`\n${found} of ${planted.length} planted faults found, each by its rule`);
  print(
    `clean history: ${clean.answer}, ${grouped(clean.messages)} messages in ${clean.seconds.toFixed(1)} s, ` +
      `${grouped(clean.messagesPerSecond)} messages/s (${grouped(clean.messagesPerCpuSecond)} a CPU second), at most ${grouped(clean.peakMiB)} MiB`,
  );
}
