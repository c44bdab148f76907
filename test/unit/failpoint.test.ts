import { afterEach, expect, test } from '@jest/globals';
import { readSettings } from '../../src/config/environment.js';
import { readFailpoints } from '../../src/config/failpoints.js';
import { InorderError } from '../../src/errors.js';
import {
  armFailpoints,
  failpoint,
  FAILPOINTS,
  type FailpointEffects,
  type FailpointName,
} from '../../src/failpoint.js';
import { readRepository } from '../support/tidy.js';

const NAMES = Object.keys(FAILPOINTS) as FailpointName[];

afterEach(() => {
  armFailpoints(null);
});

function arm(text: string): string[] {
  const read = readFailpoints(text);
  if (read.kind === 'wrong') throw new Error(read.expected);
  const done: string[] = [];
  const effects: FailpointEffects = {
    hit: (name, action) => done.push(`${name} ${action.kind}`),
    kill: () => done.push('killed'),
    pause: (ms) => done.push(`paused ${ms}`),
    sleep: async (ms) => {
      done.push(`slept ${ms}`);
    },
  };
  armFailpoints(read.plan, effects);
  return done;
}

async function reach(name: FailpointName, times: number): Promise<number> {
  let failures = 0;
  for (let i = 0; i < times; i++) {
    await failpoint?.(name).catch((error: unknown) => {
      expect(error).toMatchObject({ code: 'failpoint', retryable: true });
      failures += 1;
    });
  }
  return failures;
}

test('points are off unless armed, and off again', () => {
  expect(failpoint).toBeNull();
  arm('logic.after_store=fail');
  expect(failpoint).not.toBeNull();
  armFailpoints(null);
  expect(failpoint).toBeNull();
});

test('a point kills, pauses, delays and fails, and only where it is named', async () => {
  const done = arm(
    'logic.after_store=kill;ingest.after_send=pause:20;logic.before_store=delay:30;logic.after_end=fail',
  );
  await reach('logic.after_store', 1);
  await reach('ingest.after_send', 1);
  await reach('logic.before_store', 1);
  await reach('takeover.before_read', 1);
  expect(await reach('logic.after_end', 1)).toBe(1);
  expect(done).toEqual([
    ...['logic.after_store kill', 'killed', 'ingest.after_send pause', 'paused 20'],
    ...['logic.before_store delay', 'slept 30', 'logic.after_end fail'],
  ]);
});

test('a count hits once, the nth time', async () => {
  const done = arm('logic.after_store=kill@3');
  await reach('logic.after_store', 2);
  expect(done).toEqual([]);
  await reach('logic.after_store', 5);
  expect(done).toEqual(['logic.after_store kill', 'killed']);
});

test('a chance hits that share, the same times for the same seed', async () => {
  const share = async (text: string): Promise<string> => {
    arm(text);
    let hits = '';
    for (let i = 0; i < 400; i++) hits += String(await reach('logic.after_end', 1));
    return hits;
  };
  const once = await share('logic.after_end=fail@25%;seed=5');
  expect(once.replaceAll('0', '').length).toBeGreaterThan(60);
  expect(once.replaceAll('0', '').length).toBeLessThan(140);
  expect(await share('logic.after_end=fail@25%;seed=5')).toBe(once);
  expect(await share('logic.after_end=fail@25%;seed=6')).not.toBe(once);
});

test.each([
  ['logic.afterstore=kill', '"logic.afterstore": one of ingest.after_fetch,'],
  ['logic.afterstore=kill', 'did you mean logic.after_store?'],
  ['logic.after_store', 'kill, fail, pause:<ms> or delay:<ms>'],
  ['logic.after_store=explode', 'kill, fail, pause:<ms> or delay:<ms>'],
  ['logic.after_store=pause', 'pause:<ms>'],
  ['logic.after_store=pause:0', '1 to 600000'],
  ['logic.after_store=kill@0', '@<the nth time, from 1>'],
  ['logic.after_store=kill@1.5', '@<the nth time, from 1>'],
  ['logic.after_store=kill@101%', '@<percent>%'],
  ['logic.after_store=kill;seed=x', 'seed=<a whole number>'],
])('INORDER_FAILPOINTS=%s is refused, naming the part and what it may be', (text, expected) => {
  let message = '';
  try {
    readSettings({ INORDER_FAILPOINTS: text });
  } catch (error) {
    expect(error).toBeInstanceOf(InorderError);
    message = (error as InorderError).message;
  }
  expect(message.startsWith('INORDER_FAILPOINTS holds ')).toBe(true);
  expect(message).toContain(expected);
});

test('the environment arms nothing by default, and every name, action and condition can be set', () => {
  expect(readSettings({}).settings.failpoints).toBeNull();
  const text = `${NAMES.map((name) => `${name}=delay:5@2.5%`).join('; ')}; logic.after_end = kill@2; seed=9`;
  const plan = readSettings({ INORDER_FAILPOINTS: text }).settings.failpoints;
  expect(plan?.rules.map(({ name }) => name)).toEqual([...NAMES, 'logic.after_end']);
  expect(plan?.rules.at(-1)).toEqual({
    name: 'logic.after_end',
    action: { kind: 'kill' },
    when: { kind: 'at', count: 2 },
  });
  expect(plan?.seed).toBe(9);
});

/** Where each point stands in the sources: what is not written `failpoint('…')` there can never be reached. */
function usesIn(files: readonly { path: string; text: string }[]): string[] {
  return files
    .filter(({ path }) => path.startsWith('src/') && path !== 'src/failpoint.ts')
    .flatMap(({ text }) => [...text.matchAll(/^\s*if \(failpoint !== null.*\) await failpoint\('([^']+)'\);$/gm)])
    .map(([, name = '']) => name);
}

test('each point stands at exactly one place in the sources', () => {
  expect(usesIn(readRepository('.')).sort()).toEqual([...NAMES].sort());
});

test('each point stands at exactly one place in the sources: the check sees one that is missing or doubled', () => {
  const line = `if (failpoint !== null) await failpoint('a.b');\n`;
  expect(usesIn([{ path: 'src/a.ts', text: line + line }])).toEqual(['a.b', 'a.b']);
  expect(usesIn([{ path: 'src/a.ts', text: '' }])).toEqual([]);
});
