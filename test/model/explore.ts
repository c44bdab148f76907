/**
 * Breadth-first search over every world that can be reached: each once, the nearest first, so that the first violation
 * found has the shortest trace there is.
 */
import { fingerprint } from './fingerprint.js';
import { brokenAtRest, brokenNow, isAtRest } from './judge.js';
import { movesOf, type Move } from './moves.js';
import { Seen } from './seen.js';
import type { World } from './world.js';

export interface Exploration {
  readonly states: number;
  readonly edges: number;
  /** Moves from the start to the farthest world. */
  readonly depth: number;
  /** Worlds in which all is at rest: the search must have judged some. */
  readonly restCount: number;
  /** What broke, and which move of each world leads there. */
  readonly violation: { readonly broken: string; readonly choices: readonly number[] } | null;
}

/** A search that doesn't end proves nothing: it gives up, loudly. */
const MAX_STATES = 2_000_000;

/** @param tell called after each depth. @throws Error where there are more worlds than MAX_STATES */
export function explore(start: World, tell: (states: number, depth: number) => void = () => undefined): Exploration {
  const seen = new Seen();
  const counts = { edges: 0, depth: 0, restCount: 0 };
  const violated = (broken: string, choices: readonly number[]): Exploration => {
    return { states: seen.size, ...counts, violation: { broken, choices } };
  };
  seen.add(fingerprint(start), 0, 0);
  for (let frontier = [{ world: start, id: 0 }]; frontier.length > 0;) {
    const next: typeof frontier = [];
    for (const { world, id } of frontier) {
      const moves = movesOf(world);
      if (moves.length === 0 && !isAtRest(world)) return violated('nothing can go on', seen.pathTo(id));
      for (const [choice, move] of moves.entries()) {
        counts.edges += 1;
        const reached = reach(move);
        if (typeof reached === 'string') return violated(reached, [...seen.pathTo(id), choice]);
        const reachedId = seen.add(fingerprint(reached), id, choice);
        if (reachedId === null) continue;
        if (seen.size > MAX_STATES) throw new Error(`more than ${MAX_STATES} worlds`);
        const atRest = isAtRest(reached);
        const broken = brokenNow(reached) ?? (atRest ? brokenAtRest(reached) : null);
        if (broken !== null) return violated(broken, seen.pathTo(reachedId));
        if (atRest) counts.restCount += 1;
        next.push({ world: reached, id: reachedId });
      }
    }
    if (next.length > 0) counts.depth += 1;
    tell(seen.size, counts.depth);
    frontier = next;
  }
  return { states: seen.size, ...counts, violation: null };
}

/** A move that throws is a violation too: an invariant of the shipped code broke, or a lane halts. */
function reach(move: Move): World | string {
  try {
    return move.to();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
