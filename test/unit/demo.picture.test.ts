/** The demo's picture: 80 columns whatever is written, colours only where they are welcome. */
import { expect, test } from '@jest/globals';
import { demoJson, demoLines } from '../../src/cli/demo-picture.js';
import { displayWidth } from '../../src/cli/terminal-text.js';
import { judgeDemo, type DemoReport } from '../../src/demo/report.js';
import { planDemo, type DemoPlan } from '../../src/demo/schedule.js';
import { LIN } from '../../src/demo/script.js';
import { faultlessEvidence } from '../support/demo-evidence.js';

const kill = {
  pid: 4_194_304,
  lanes: [0, 1, 2, 3, 4, 5, 6, 7],
  afterMs: 12_345,
  firstDeliveryMs: 12_345,
  sessionTimeoutMs: 30_000,
};
const loss = { sender: LIN, epochBefore: 1, epochAfter: 2 };

function reportOf(plan: DemoPlan): DemoReport {
  return judgeDemo(plan, { ...faultlessEvidence(plan), kill, loss });
}

const plain = { tookMs: 59_900, color: false };
const ESCAPE = '\u001b';

test('no line is wider than 80 columns, with any script in it, and none ends in blanks', () => {
  const plan = planDemo(3, 100);
  const [shown, ...others] = plan.chats;
  const texts = ['好'.repeat(60), 'x'.repeat(100), '한국어 '.repeat(20), 'e\u0301'.repeat(90), 'ok'];
  const messages = shown.messages.map((message, at) => ({ ...message, text: texts[at % texts.length] ?? '' }));
  const long = { ...plan, chats: [{ ...shown, messages }, ...others] as const };
  for (const report of [reportOf(plan), reportOf(long), { ...reportOf(plan), passed: false }]) {
    const lines = demoLines(report, plain);
    expect(lines.filter((line) => displayWidth(line) > 80)).toEqual([]);
    expect(lines.filter((line) => line !== line.trimEnd())).toEqual([]);
  }
});

test('what people wrote can move no cursor', () => {
  const plan = planDemo(3, 1);
  const [shown] = plan.chats;
  const messages = shown.messages.map((message) => ({ ...message, text: '\u001b[2J\r\n' }));
  const lines = demoLines(reportOf({ ...plan, chats: [{ ...shown, messages }] }), plain);
  expect(lines.join('').includes(ESCAPE)).toBe(false);
});

test('colours add nothing but colour', () => {
  const report = reportOf(planDemo(3, 12));
  const colored = demoLines(report, { ...plain, color: true });
  expect(colored.some((line) => line.includes(ESCAPE))).toBe(true);
  const stripped = colored.map((line) => line.replace(new RegExp(`${ESCAPE}\\[\\d+m`, 'g'), '').trimEnd());
  expect(stripped).toEqual(demoLines(report, plain));
});

test('each mark stands where its line does, the figures below, the verdict last', () => {
  const report = reportOf(planDemo(3, 12));
  const lines = demoLines(report, plain);
  const marked = lines.filter((line) => line.startsWith('✗ ') && !line.includes('below what')).length;
  expect(marked).toBe(report.shown.byArrival.filter(({ isInverted }) => isInverted).length);
  const inversions = lines.find((line) => line.startsWith('inversions'));
  expect(inversions?.split(/\s+/)).toEqual([
    'inversions',
    String(report.byArrival.inversions),
    String(report.byClientClock.inversions),
    '0',
  ]);
  expect(lines.at(-3)).toMatch(/^PASS /);
  expect(demoLines({ ...report, passed: false }, plain).at(-3)).toMatch(/^FAIL /);
});

test('as JSON it has the figures, the verdict and both columns', () => {
  const report = reportOf(planDemo(3, 2));
  const json = JSON.parse(JSON.stringify(demoJson(report, 100))) as Record<string, unknown>;
  expect(json).toMatchObject({ passed: true, seed: 3, tookMs: 100, byInorder: { inversions: 0 }, kill, loss });
  expect(json['shown']).toMatchObject({
    byInorder: report.shown.byInorder.map(({ message, seq }) => ({ seq, text: message.text })),
  });
});
