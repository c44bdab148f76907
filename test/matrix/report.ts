/** The report of a run: text, one HTML page that needs no network, and the block of figures for the documentation. */
import { FAILPOINTS } from '../../src/failpoint.js';
import type { Sample } from './delivery-watch.js';
import { FAULT_KINDS, LAST_ACTS } from './schedule.js';
import { lineOf, type TimelineEntry } from './timeline.js';
import type { Verdict } from './verdict.js';

export interface Report {
  readonly command: string;
  readonly date: string;
  readonly minutes: number;
  /** What was produced, in words. */
  readonly load: string;
  readonly entries: readonly TimelineEntry[];
  readonly faultCounts: ReadonlyMap<string, number>;
  readonly hits: ReadonlyMap<string, number>;
  readonly samples: readonly Sample[];
  readonly verdict: Verdict;
}

export function asText(report: Report): string {
  return [
    `${report.command}   ${report.date}`,
    '',
    ...report.entries.map(lineOf),
    '',
    ...secondsTable(report.samples),
    '',
    ...hitLines(report.hits).map(([name, count]) => `${count.padStart(6)}  ${name}`),
    '',
    ...verdictLines(report),
    '',
  ].join('\n');
}

export function verdictLines({ verdict, faultCounts }: Report): string[] {
  const faults = [...faultCounts.values()].reduce((sum, count) => sum + count, 0);
  return [
    `${faults} faults; ${verdict.acknowledged} acknowledged, ${verdict.delivered} delivered, ${verdict.deadLetters} dead ` +
      `letters, ${verdict.duplicates} resends dropped; drained in ${verdict.drainSeconds.toFixed(1)} s`,
    verdict.answer === 'pass' ? 'verdict: pass, no violation' : `verdict: FAIL, ${verdict.findings.length} findings`,
    ...verdict.findings.map((finding) => `  - ${finding}`),
  ];
}

export function asBlock(report: Report): string {
  const { verdict, faultCounts, hits, samples } = report;
  const faults = [...faultCounts.values()].reduce((sum, count) => sum + count, 0);
  const fewest = Math.min(...hitLines(hits).map(([, count]) => Number(count)));
  const rows = [...faultCounts].sort(([a], [b]) => (a < b ? -1 : 1));
  const about = (kind: string): string => (({ ...FAULT_KINDS, ...LAST_ACTS }) as Record<string, string>)[kind] ?? '';
  const undone = report.entries.filter(({ kind }) => kind === 'not done').map(({ text }) => `- Not done: ${text}`);
  return [
    `\`${report.command}\`, ${report.date}: **${verdict.answer === 'pass' ? 'no violation' : 'VIOLATIONS'}**.`,
    '',
    '| what | |',
    '| --- | --- |',
    `| minutes under faults | ${report.minutes} |`,
    `| faults | ${faults} |`,
    `| load | ${report.load} |`,
    `| failpoint hits | ${[...hits.values()].reduce((sum, count) => sum + count, 0)}, of each point at least ${fewest} |`,
    `| records acknowledged on \`im.ingest\` | ${verdict.acknowledged} |`,
    `| messages delivered, each once and in order | ${verdict.delivered} |`,
    `| resends and repeated records dropped | ${verdict.duplicates} |`,
    `| dead letters (broken records of the load, and bursts of poison) | ${verdict.deadLetters} |`,
    `| longest time without a delivery | ${longestSilence(samples)} s |`,
    `| drained after the last fault in | ${verdict.drainSeconds.toFixed(1)} s |`,
    '',
    '| judged by `inorder check --drained --require all` | answer | looked at |',
    '| --- | --- | ---: |',
    ...verdict.rules.map(({ number, title, answer, judged }) => `| rule ${number}: ${title} | ${answer} | ${judged} |`),
    '',
    '| fault | times | |',
    '| --- | --- | --- |',
    ...rows.map(([kind, count]) => `| ${kind} | ${count} | ${about(kind)} |`),
    '',
    "| failpoint | hits | what is done and isn't when it is reached |",
    '| --- | --- | --- |',
    ...hitLines(hits).map(
      ([name, count]) => `| \`${name}\` | ${count} | ${FAILPOINTS[name as keyof typeof FAILPOINTS]} |`,
    ),
    ...(undone.length === 0 ? [] : ['', ...new Set(undone)]),
    ...(verdict.findings.length === 0 ? [] : ['', ...verdict.findings.map((finding) => `- ${finding}`)]),
  ].join('\n');
}

function hitLines(hits: ReadonlyMap<string, number>): [string, string][] {
  return Object.keys(FAILPOINTS).map((name) => [name, String(hits.get(name) ?? 0)]);
}

function longestSilence(samples: readonly Sample[]): number {
  let longest = 0;
  let silent = 0;
  const first = samples.findIndex(({ count }) => count > 0);
  const last = samples.findLastIndex(({ count }) => count > 0);
  for (const { count } of samples.slice(Math.max(0, first), last + 1)) {
    silent = count === 0 ? silent + 1 : 0;
    longest = Math.max(longest, silent);
  }
  return longest;
}

const STEP_SECONDS = 5;

function secondsTable(samples: readonly Sample[]): string[] {
  const lines = ['   second  delivered/s   p50 ms   p99 ms (worst second)'];
  for (let at = 0; at < samples.length; at += STEP_SECONDS) {
    const part = samples.slice(at, at + STEP_SECONDS);
    const rate = part.reduce((sum, { count }) => sum + count, 0) / part.length;
    const worst = (of: (sample: Sample) => number): string => String(Math.max(...part.map(of)));
    lines.push(
      [
        String(at).padStart(9),
        rate.toFixed(0).padStart(12),
        worst(({ p50Ms }) => p50Ms).padStart(8),
        worst(({ p99Ms }) => p99Ms).padStart(8),
      ].join(' '),
    );
  }
  return lines;
}

const WIDTH = 1_200;
const LANE_HEIGHT = 150;

export function asHtml(report: Report): string {
  const seconds = Math.max(1, report.samples.length);
  const x = (second: number): number => Number(((second / seconds) * WIDTH).toFixed(1));
  const mostCount = Math.max(1, ...report.samples.map(({ count }) => count));
  const mostMs = Math.max(10, ...report.samples.map(({ p99Ms }) => p99Ms));
  const throughput = report.samples.map(({ second, count }) => `${x(second)},${y(count / mostCount, 0)}`).join(' ');
  const seen = report.samples.filter(({ count }) => count > 0);
  const scaled = (ms: number): number => Math.log10(Math.max(1, ms)) / Math.log10(mostMs);
  const line = (of: (sample: Sample) => number): string =>
    seen.map((sample) => `${x(sample.second)},${y(scaled(of(sample)), 1)}`).join(' ');
  const faults = report.entries.filter(({ kind }) => kind !== 'note' && kind !== 'not done');
  const bars = faults.map((entry) => {
    const from = x(entry.atMs / 1000);
    const width = Math.max(1.5, x(((entry.endMs ?? entry.atMs) - entry.atMs) / 1000));
    const title = `<title>${escaped(lineOf(entry))}</title>`;
    return `<rect class="fault" x="${from}" y="0" width="${width}" height="${2 * LANE_HEIGHT}">${title}</rect>`;
  });
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Inorder: fault matrix</title>
<style>
body { font: 14px/1.4 system-ui, sans-serif; margin: 2em; color: #222; background: #fff }
svg { width: 100%; height: auto; border: 1px solid #ccc }
.fault { fill: #d33; opacity: .22 } .fault:hover { opacity: .6 }
polyline { fill: none; stroke-width: 1.2 } .rate { stroke: #06c } .p50 { stroke: #393 } .p99 { stroke: #b60 }
pre { overflow-x: auto; background: #f6f6f6; padding: 1em } .pass { color: #080 } .fail { color: #c00 }
</style>
<h1>Fault matrix: <span class="${report.verdict.answer}">${report.verdict.answer}</span></h1>
<p><code>${escaped(report.command)}</code>, ${report.date}</p>
<pre>${escaped(verdictLines(report).join('\n'))}</pre>
<p>Delivered a second (blue, up to ${mostCount}); latency from the append to the delivery, p50 (green) and p99 (brown), logarithmic,
up to ${mostMs} ms; faults (red: point at one to read it). ${seconds} seconds.</p>
<svg viewBox="0 0 ${WIDTH} ${2 * LANE_HEIGHT}" role="img" aria-label="throughput and latency over time, with faults">
${bars.join('\n')}
<polyline class="rate" points="${throughput}"/>
<polyline class="p99" points="${line(({ p99Ms }) => p99Ms)}"/>
<polyline class="p50" points="${line(({ p50Ms }) => p50Ms)}"/>
</svg>
<h2>Timeline</h2>
<pre>${escaped(report.entries.map(lineOf).join('\n'))}</pre>
<h2>Failpoint hits</h2>
<pre>${hitLines(report.hits)
    .map(([name, count]) => `${count.padStart(6)}  ${name}`)
    .join('\n')}</pre>
</html>
`;
}

/** In the upper picture (0) or the lower one (1); `share` of its height. */
function y(share: number, picture: 0 | 1): number {
  return Number((LANE_HEIGHT * (picture + 1) - share * (LANE_HEIGHT - 4)).toFixed(1));
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
