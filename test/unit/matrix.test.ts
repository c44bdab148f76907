/** The fault matrix's own parts: what it plans, what it writes, and what its gate does to bytes. */
import { expect, test } from '@jest/globals';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { readFailpoints } from '../../src/config/failpoints.js';
import { FAILPOINTS } from '../../src/failpoint.js';
import { HandledOrder } from '../matrix/handled-order.js';
import { asBlock, asHtml, asText, type Report } from '../matrix/report.js';
import { chosen, FAULT_KINDS, LAST_ACTS, planFaults, type FaultKind } from '../matrix/schedule.js';
import { Timeline } from '../matrix/timeline.js';
import { findingsOf } from '../matrix/verdict.js';
import { TcpGate } from '../support/tcp-gate.js';

const KINDS = Object.keys(FAULT_KINDS) as FaultKind[];

test('the plan is a function of the seed', () => {
  const options = { seed: 7, minutes: 60, kinds: KINDS };
  expect(planFaults(options)).toEqual(planFaults(options));
  expect(planFaults(options)).not.toEqual(planFaults({ ...options, seed: 8 }));
});

test('an hour has more than 250 faults, every kind several times, every failpoint armed often, with calm in between', () => {
  const faults = planFaults({ seed: 1, minutes: 60, kinds: KINDS });
  expect(faults.length).toBeGreaterThan(300);
  for (const kind of KINDS) expect(faults.filter((fault) => fault.kind === kind).length).toBeGreaterThan(4);
  const armed = faults.map(({ failpoints }) => (failpoints ?? []).map(({ points }) => points).join(';')).join(';');
  for (const name of Object.keys(FAILPOINTS)) expect(armed.split(`${name}=`).length).toBeGreaterThan(40);
  faults.slice(1).forEach(({ atMs }, i) => expect(atMs - (faults[i]?.atMs ?? 0)).toBeGreaterThanOrEqual(7_000));
});

test('whatever is planned for failpoints can be armed, each point in its own stage', () => {
  for (const { failpoints } of planFaults({ seed: 2, minutes: 600, kinds: ['failpoint'] })) {
    for (const { stage, points } of failpoints ?? []) {
      const read = readFailpoints(points);
      expect({ points, kind: read.kind }).toMatchObject({ kind: 'plan' });
      const names = read.kind === 'plan' ? read.plan.rules.map(({ name }) => name) : [];
      expect(
        names.every((name) => name.startsWith(stage) || (stage === 'logic' && !/^(ingest|delivery)/.test(name))),
      ).toBe(true);
    }
  }
});

test('--only takes kinds and groups of kinds, and names what it does not know', () => {
  expect(chosen('')).toEqual({ kinds: KINDS, lastActs: Object.keys(LAST_ACTS) });
  expect(chosen('kill, broker-roll,restore')).toEqual({
    kinds: ['kill-logic', 'kill-ingest', 'kill-delivery', 'broker-roll'],
    lastActs: ['restore'],
  });
  expect(chosen('kill,stopp')).toEqual({ unknown: 'stopp' });
});

test('a handler that leaves a message out is seen; one that handles again is not blamed', () => {
  const order = new HandledOrder();
  for (const line of ['"a"\t1\t9\t"x"', '"a"\t2\t9\t"x"', '"a"\t1\t9\t"x"', '"b"\t1\t9\t"y"', '"a"\t2\t9\t"x"'])
    order.take(line);
  expect(order.findings).toEqual([]);
  order.take('"a"\t4\t9\t"x"');
  expect(order.findings).toEqual(['the handler saw seq 4 of "a" after 2']);
});

test('whatever the checker does not pass is a finding, with what shows it; an unknown too', () => {
  const outcome = { number: 4, title: 'seq is dense', reasons: [], findings: [], findingCount: 0 };
  expect(findingsOf({ ...outcome, answer: 'pass' })).toEqual([]);
  expect(findingsOf({ ...outcome, answer: 'unknown', reasons: ['3 on their way'] })).toEqual([
    'rule 4, seq is dense: unknown',
    '3 on their way',
  ]);
  const finding = { sentence: 'seq 4 of a is missing', exhibits: [{ partition: 1 }] };
  expect(findingsOf({ ...outcome, answer: 'fail', findings: [finding], findingCount: 1 })).toEqual([
    'rule 4, seq is dense: fail, 1 violations',
    'seq 4 of a is missing [{"partition":1}]',
  ]);
});

function report(findings: readonly string[]): Report {
  const timeline = new Timeline(() => undefined);
  timeline.ended(timeline.fault('kill-logic', 'logic-1 <script>'));
  timeline.notDone('clock', 'no faketime');
  return {
    ...{ command: 'npm run faults', date: '2026-01-01', minutes: 1, load: '600 a second', entries: timeline.entries },
    faultCounts: timeline.faultCounts(),
    hits: new Map([['logic.after_store', 3]]),
    samples: [0, 600, 0, 0, 600].map((count, second) => ({ second, count, p50Ms: 5, p99Ms: 40 })),
    verdict: {
      ...{ answer: findings.length === 0 ? ('pass' as const) : ('fail' as const), findings },
      ...{ acknowledged: 1_300, delivered: 1_200, deadLetters: 10, duplicates: 90, handled: 1_201, drainSeconds: 2 },
      rules: [{ number: 4, title: 'seq is dense', answer: 'pass', judged: 1_200 }],
    },
  };
}

test('the report says what was done, what was not, and what was found, in every form', () => {
  const forms = [asText, asHtml, asBlock].map((form) => form(report(['seq 4 of a follows 2'])));
  for (const text of forms) {
    expect(text).toContain('seq 4 of a follows 2');
    expect(text).toMatch(/kill-logic/);
    expect(text).toContain('no faketime');
    expect(text).toContain('logic.after_store');
  }
  expect(forms[0]).toContain('1 faults; 1300 acknowledged, 1200 delivered');
  expect(forms[2]).toContain('| longest time without a delivery | 2 s |');
  expect(forms[2]).toContain('| rule 4: seq is dense | pass | 1200 |');
  expect(forms[2]).toContain('VIOLATIONS');
  expect(asBlock(report([]))).toContain('**no violation**');
});

test('the page needs no network and runs nothing', () => {
  const html = asHtml(report([]));
  expect(html).not.toMatch(/https?:|src=|href=|<script/);
  expect(html).toContain('logic-1 &lt;script&gt;');
});

test('a gate that delays keeps the order of the bytes, whatever the delay does meanwhile', async () => {
  const received: Buffer[] = [];
  const server = createServer((socket) => socket.on('data', (chunk) => received.push(chunk)));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const gate = new TcpGate({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
  await gate.open();
  const client = connect(gate.port, '127.0.0.1');
  await once(client, 'connect');
  const sent: string[] = [];
  for (const [i, delayMs] of [0, 30, 5, 0, 20, 0].entries()) {
    gate.delay(delayMs);
    sent.push(`<${i}>`);
    client.write(`<${i}>`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  while (Buffer.concat(received).length < sent.join('').length) await new Promise((resolve) => setImmediate(resolve));
  expect(Buffer.concat(received).toString()).toBe(sent.join(''));
  client.destroy();
  await gate.close();
  server.close();
});
