/** A verdict as one HTML file that needs no network: the answer, what was read, the plots, the rules, the evidence. */
import type { Exhibit, Finding, RuleOutcome, Verdict } from '../verdict.js';
import { escaped, grouped } from './markup.js';
import { PAGE_STYLE } from './page-style.js';
import { plotSvg } from './plot.js';
import type { TimelinePlotted } from './timeline.js';

export interface ReportPage {
  readonly verdict: Verdict;
  readonly plotted: TimelinePlotted;
  /** What was judged, as a reader of the page knows it: topics, or files. */
  readonly subject: string;
  readonly seconds: number;
  /** When the judging ended, ms since 1970 UTC. */
  readonly atMs: number;
}

const SAYS = {
  pass: 'Every rule that could be judged holds.',
  fail: 'A promise was broken. The records that show it are below.',
  unknown: 'Nothing broken was found, but not all could be judged.',
} as const;

export function reportPage({ verdict, plotted, subject, seconds, atMs }: ReportPage): string {
  const { answer, outcomes } = verdict;
  const failing = outcomes.filter(({ findingCount }) => findingCount > 0);
  const at = new Date(atMs).toISOString().replace('T', ' ').slice(0, 19);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${answer}: inorder check of ${escaped(subject)}</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<header class="${answer}">
<p class="answer">${answer}</p>
<div><h1>inorder check</h1><p>${SAYS[answer]}</p><p class="quiet">${escaped(subject)}, judged ${at} UTC in ${seconds.toFixed(1)} s</p></div>
</header>
<main>
${countsList(verdict)}
<section><h2>Over time</h2>
${plotSvg(
  plotted,
  failing.map(({ rule }) => rule),
)}
${timelessNote(plotted)}</section>
<section><h2>Rules</h2>
${rulesTable(outcomes)}</section>
${failing.length === 0 ? '' : `<section><h2>Evidence</h2>\n${failing.map(evidence).join('\n')}\n</section>`}
</main>
</body>
</html>
`;
}

function countsList({ counts }: Verdict): string {
  const rows: readonly (readonly [string, number])[] = [
    ['ingested', counts.ingested],
    ['stored', counts.stored],
    ['delivered', counts.delivered],
    ['dead letters', counts.deadLetters],
    ['duplicates', counts.duplicates],
    ['aborted copies', counts.aborted],
    ['on their way', counts.inFlight],
    ['conversations', counts.conversations],
  ];
  return `<dl>${rows
    .filter(([name, count]) => count > 0 || name !== 'stored')
    .map(([name, count]) => `<div><dt>${name}</dt><dd>${grouped(count)}</dd></div>`)
    .join('')}</dl>`;
}

function timelessNote({ timeless }: TimelinePlotted): string {
  const total = [...timeless.values()].reduce((sum, count) => sum + count, 0);
  if (total === 0) return '';
  return `<p class="quiet">${grouped(total)} violation${total === 1 ? ' has' : 's have'} no place in time and stand${total === 1 ? 's' : ''} below only.</p>`;
}

function rulesTable(outcomes: readonly RuleOutcome[]): string {
  const rows = outcomes.map(({ number, rule, title, answer, isJudged, judged, findingCount, reasons }) => {
    const shownAnswer = isJudged ? answer : 'not judged';
    const why = reasons.map((reason) => `<br><span class="quiet">${escaped(reason)}</span>`).join('');
    const name = findingCount === 0 ? escaped(title) : `<a href="#rule-${number}">${escaped(title)}</a>`;
    return (
      `<tr class="${isJudged ? answer : 'unjudged'}"><td class="n">${number}</td><td><span class="mark">${shownAnswer}</span></td>` +
      `<td>${name}<br><code>${rule}</code>${why}</td><td class="n">${grouped(judged)}</td><td class="n">${grouped(findingCount)}</td></tr>`
    );
  });
  const head =
    '<tr><th class="n">#</th><th>answer</th><th>rule</th><th class="n">judged</th><th class="n">violations</th></tr>';
  return `<div class="wide"><table><thead>${head}</thead><tbody>\n${rows.join('\n')}\n</tbody></table></div>`;
}

function evidence({ number, title, findings, findingCount }: RuleOutcome): string {
  const more = findingCount - findings.length;
  const rest = more === 0 ? '' : `<p class="quiet">and ${grouped(more)} more; --findings shows more of each rule</p>`;
  return `<article id="rule-${number}"><h3>Rule ${number}: ${escaped(title)}</h3>\n${findings.map(findingBlock).join('\n')}\n${rest}</article>`;
}

function findingBlock({ sentence, exhibits }: Finding): string {
  const rows = exhibits.map((exhibit) => {
    const [what, where] = exhibitCells(exhibit);
    return `<tr><td>${escaped(what)}</td><td><code>${escaped(where)}</code></td><td>${escaped(exhibit.what)}</td></tr>`;
  });
  return `<div class="finding"><p>${escaped(sentence)}</p><div class="wide"><table><tbody>${rows.join('')}</tbody></table></div></div>`;
}

function exhibitCells(exhibit: Exhibit): [string, string] {
  switch (exhibit.kind) {
    case 'record':
      return ['record', `${exhibit.topic} · partition ${exhibit.partition} · offset ${exhibit.offset}`];
    case 'row':
      return ['row', `${exhibit.table} WHERE ${exhibit.key}`];
    case 'observation':
      return ['reader', exhibit.reader];
    case 'position':
      return ['position', ''];
  }
}
