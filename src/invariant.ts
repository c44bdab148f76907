import { InorderError } from './errors.js';

/** Asserts what must hold, in production too: a halt beats a wrong row. @throws InorderError invariant_broken */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InorderError('invariant_broken', `invariant broken: ${message}`);
}

/** For the default branch of a switch over a union: a member without a branch does not compile. */
export function unreachable(value: never): never {
  throw new InorderError('invariant_broken', `unreachable: ${JSON.stringify(value)}`);
}
