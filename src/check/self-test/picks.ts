/** Choosing from lists by a seed. */
import { invariant } from '../../invariant.js';
import type { SeededDraws } from './seeded-draws.js';

export const NO_SUCH = 'the history is too small for this mutation';

export function pick<T>(list: readonly T[], draws: SeededDraws): T {
  const picked = list[draws.below(list.length)];
  invariant(picked !== undefined, NO_SUCH);
  return picked;
}

export function cut<T>(list: T[], draws: SeededDraws): T {
  const [taken] = list.splice(draws.below(list.length), 1);
  invariant(taken !== undefined, NO_SUCH);
  return taken;
}
