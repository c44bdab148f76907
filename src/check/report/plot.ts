/** The plots of a report as one drawing (SVG): order, latency and violations over the same time, one below the other. */
import { RULES, type RuleName } from '../rules/catalogue.js';
import { alongScale, durationText, latencyScale, signedLogScale, timeText, type Scale } from './axes.js';
import { escaped, grouped } from './markup.js';
import { latencyAt, type TimeBucket, type TimelinePlotted } from './timeline.js';

const WIDTH = 1_000;
const LEFT = 92;
const RIGHT = 984;
const TITLE = 46;
const ORDER_HEIGHT = 150;
const LATENCY_HEIGHT = 150;
const ROW = 26;
const AXIS = 42;
/** Of a marker: half its width, and what many violations in one place add to it. */
const MARKER = 5;
const MOST_MARKER = 9;

interface Placed {
  readonly x: number;
  readonly from: number;
  readonly bucket: TimeBucket;
}

/** @param failing the rules that found something, in the order of their numbers. */
export function plotSvg(plotted: TimelinePlotted, failing: readonly RuleName[]): string {
  const { buckets, width, axis } = plotted;
  const [first, last] = [buckets[0], buckets.at(-1)];
  if (first === undefined || last === undefined)
    return '<p class="none">Nothing that has a time was read: no plot.</p>';
  const along = alongScale(axis, first.from, last.from + width, LEFT, RIGHT);
  const placed = buckets.map(({ from, bucket }) => ({ x: along.place(from + width / 2), from, bucket }));
  const span = last.from + width - first.from;
  const label = (at: number): string => (axis === 'time' ? timeText(at, span) : grouped(at));
  const orderTop = TITLE;
  const latencyTop = orderTop + ORDER_HEIGHT + TITLE;
  const rowsTop = latencyTop + LATENCY_HEIGHT + TITLE;
  const bottom = rowsTop + Math.max(1, failing.length) * ROW;
  const height = bottom + AXIS;
  const parts = [
    ...along.ticks.map((tick) => timeTick(along.place(tick), label(tick), orderTop, bottom)),
    ...orderPanel(placed, orderTop, label),
    ...latencyPanel(placed, latencyTop),
    ...violationRows(placed, failing, rowsTop, label),
  ];
  const unit = axis === 'time' ? 'time of delivery, UTC' : 'offset';
  return [
    `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="order, latency and violations over ${unit}">`,
    ...parts,
    text(
      RIGHT,
      height - 6,
      `${unit}, ${axis === 'time' ? durationText(width) : grouped(width)} a point`,
      'unit',
      'end',
    ),
    '</svg>',
  ].join('\n');
}

function orderPanel(placed: readonly Placed[], top: number, label: (at: number) => string): string[] {
  const lowest = Math.min(...placed.map(({ bucket }) => bucket.mostBehind));
  const highest = Math.max(...placed.map(({ bucket }) => bucket.mostAhead));
  const scale = signedLogScale(lowest, highest, top + ORDER_HEIGHT, top);
  const name = (value: number): string =>
    value === 0 ? 'in turn' : `${value > 0 ? '+' : '−'}${grouped(Math.abs(value))}`;
  const zero = scale.place(0);
  const off = placed.filter(({ bucket }) => bucket.mostAhead > 0 || bucket.mostBehind < 0);
  const runs = runsOf(placed).map((run) => `M${point(run[0]?.x ?? 0, zero)}H${rounded((run.at(-1)?.x ?? 0) + 0.5)}`);
  const bars = off.map(({ x, from, bucket: { mostAhead, mostBehind } }) => {
    const about = `${label(from)}: up to ${mostAhead} too early, ${-mostBehind} too late`;
    const [y1, y2] = [rounded(scale.place(mostAhead)), rounded(scale.place(mostBehind))];
    const ends = [mostAhead, mostBehind]
      .filter((value) => value !== 0)
      .map((value) => diamond(x, scale.place(value), MARKER));
    return `<g class="bad"><title>${escaped(about)}</title><path d="M${rounded(x)} ${y1}V${y2}"/>${ends.join('')}</g>`;
  });
  const state = off.length === 0 ? 'every message came in its turn' : 'places before (+) or after (−) the turn';
  return [
    ...frame(top, ORDER_HEIGHT, `Order: ${state}`, scale, name),
    `<path class="line order" d="${runs.join('')}"/>`,
    ...bars,
  ];
}

function latencyPanel(placed: readonly Placed[], top: number): string[] {
  const known = placed.flatMap(({ x, bucket: { latencies } }) => {
    const [middle, high, most] = [latencyAt(latencies, 0.5), latencyAt(latencies, 0.99), latencyAt(latencies, 1)];
    return middle === null || high === null || most === null ? [] : [{ x, middle, high, most }];
  });
  const scale = latencyScale(Math.max(1_000, ...known.map(({ most }) => most)), top + LATENCY_HEIGHT, top);
  if (known.length === 0)
    return frame(top, LATENCY_HEIGHT, 'Latency: not known, the records carry no times', scale, durationText);
  const lines = (['most', 'high', 'middle'] as const).map((which) => {
    const runs = runsOf(known).map((run) => `M${run.map((one) => point(one.x, scale.place(one[which]))).join('L')}h.5`);
    return `<path class="line ${which}" d="${runs.join('')}"/>`;
  });
  const key = (['middle', 'high', 'most'] as const).map((which, n) => {
    const x = RIGHT - 210 + n * 74;
    const name = { middle: 'p50', high: 'p99', most: 'highest' }[which];
    return `<path class="line ${which}" d="M${x} ${top - 11}h18"/>${text(x + 23, top - 7, name, 'unit')}`;
  });
  const title = 'Latency: from when a message came in to when it could be read';
  return [...frame(top, LATENCY_HEIGHT, title, scale, durationText), ...lines, ...key];
}

function violationRows(
  placed: readonly Placed[],
  failing: readonly RuleName[],
  top: number,
  label: (at: number) => string,
): string[] {
  const title = text(0, top - 10, failing.length === 0 ? 'Violations: none' : 'Violations by rule', 'title');
  const rows = failing.flatMap((rule, index) => {
    const y = top + index * ROW + ROW / 2;
    const { number } = RULES[rule];
    const marks = placed.flatMap(({ x, from, bucket }) => {
      const count = bucket.violations.get(rule) ?? 0;
      if (count === 0) return [];
      const size = Math.min(MOST_MARKER, MARKER + Math.log10(count));
      const about = `${label(from)}: rule ${number}, ${grouped(count)} violation${count === 1 ? '' : 's'}`;
      return [`<a href="#rule-${number}" class="bad"><title>${escaped(about)}</title>${diamond(x, y, size)}</a>`];
    });
    const line = `<path class="grid" d="M${LEFT} ${y}H${RIGHT}"/>`;
    return [line, text(LEFT - 10, y + 4, `rule ${number}`, 'tick', 'end'), ...marks];
  });
  return [title, ...rows];
}

function frame(top: number, height: number, title: string, scale: Scale, name: (value: number) => string): string[] {
  const lines = scale.ticks.map((tick) => {
    const y = rounded(scale.place(tick));
    return `<path class="grid" d="M${LEFT} ${y}H${RIGHT}"/>${text(LEFT - 10, y + 4, name(tick), 'tick', 'end')}`;
  });
  return [text(0, top - 10, title, 'title'), `<path class="grid" d="M${LEFT} ${top + height}H${RIGHT}"/>`, ...lines];
}

function timeTick(x: number, label: string, top: number, bottom: number): string {
  return `<path class="grid" d="M${rounded(x)} ${top}V${bottom}"/>${text(x, bottom + 15, label, 'tick', 'middle')}`;
}

/** Stretches between pauses: nothing is drawn where nothing was delivered. */
function runsOf<T extends { readonly x: number }>(points: readonly T[]): T[][] {
  const runs: T[][] = [];
  for (const one of points) {
    const run = runs.at(-1);
    const last = run?.at(-1);
    if (run === undefined || last === undefined || one.x - last.x > MOST_JUMP) runs.push([one]);
    else run.push(one);
  }
  return runs;
}

const MOST_JUMP = 12;

function diamond(x: number, y: number, size: number): string {
  const s = rounded(size);
  return `<path d="M${rounded(x)} ${rounded(y - size)}l${s} ${s}l-${s} ${s}l-${s}-${s}z"/>`;
}

function text(x: number, y: number, value: string, kind: string, anchor = 'start'): string {
  return `<text x="${rounded(x)}" y="${rounded(y)}" class="${kind}" text-anchor="${anchor}">${escaped(value)}</text>`;
}

function point(x: number, y: number): string {
  return `${rounded(x)} ${rounded(y)}`;
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
