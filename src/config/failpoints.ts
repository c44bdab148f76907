/**
 * Reads what `INORDER_FAILPOINTS` holds: rules separated by semicolons, `<point>=<action>[@<when>]`, and `seed=<n>`.
 *
 *   logic.after_store=kill@3;takeover.between_fences=pause:2000;ingest.after_send=fail@10%;seed=7
 */
import {
  FAILPOINTS,
  type FailpointAction,
  type FailpointName,
  type FailpointPlan,
  type FailpointRule,
} from '../failpoint.js';
import { nearestName } from './nearest-name.js';

const MAX_MS = 600_000;
const NAMES = Object.keys(FAILPOINTS) as FailpointName[];

export type ReadFailpoints =
  | { readonly kind: 'plan'; readonly plan: FailpointPlan }
  /** What the variable may hold, beginning with what is wrong with this one. */
  | { readonly kind: 'wrong'; readonly expected: string };

export function readFailpoints(text: string): ReadFailpoints {
  const rules: FailpointRule[] = [];
  let seed = 1;
  for (const part of text.split(';').map((one) => one.trim())) {
    if (part === '') continue;
    const [left = '', right = ''] = splitAt(part, '=');
    if (left === 'seed') {
      if (!/^\d{1,9}$/.test(right)) return wrong(`seed=${right}`, 'seed=<a whole number>');
      seed = Number(right);
      continue;
    }
    const name = NAMES.find((one) => one === left);
    if (name === undefined) return wrong(left, pointsLike(left));
    const [what = '', when = ''] = splitAt(right, '@');
    const action = actionOf(what);
    if (action === null) return wrong(part, `kill, fail, pause:<ms> or delay:<ms> (1 to ${MAX_MS}) behind the =`);
    const condition = conditionOf(when);
    if (condition === null) return wrong(part, '@<the nth time, from 1> or @<percent>% at the end, or neither');
    rules.push({ name, action, when: condition });
  }
  return { kind: 'plan', plan: { rules, seed } };
}

function wrong(part: string, expected: string): ReadFailpoints {
  return {
    kind: 'wrong',
    expected: `<point>=<action>[@<when>] and seed=<n>, separated by semicolons; at ${JSON.stringify(part)}: ${expected}`,
  };
}

function pointsLike(name: string): string {
  const nearest = nearestName(name, NAMES);
  return `one of ${NAMES.join(', ')}${nearest === null ? '' : `; did you mean ${nearest}?`}`;
}

function actionOf(text: string): FailpointAction | null {
  if (text === 'kill' || text === 'fail') return { kind: text };
  const [kind, digits = ''] = splitAt(text, ':');
  const ms = /^\d{1,6}$/.test(digits) ? Number(digits) : 0;
  if ((kind !== 'pause' && kind !== 'delay') || ms < 1 || ms > MAX_MS) return null;
  return { kind, ms };
}

function conditionOf(text: string): FailpointRule['when'] | null {
  if (text === '') return { kind: 'always' };
  const [, digits = '', sign] = /^(\d{1,6}(?:\.\d{1,3})?)(%?)$/.exec(text) ?? [];
  const number = Number(digits);
  if (sign === '%') return number > 0 && number <= 100 ? { kind: 'chance', percent: number } : null;
  return sign === '' && Number.isInteger(number) && number >= 1 ? { kind: 'at', count: number } : null;
}

function splitAt(text: string, separator: string): string[] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at).trim(), text.slice(at + 1).trim()];
}
