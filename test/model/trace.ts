/** A violation's shortest trace, played again and written so that a person can follow it. */
import { nameOf, seenByReaders } from './judge.js';
import { movesOf } from './moves.js';
import type { Exploration } from './explore.js';
import type { World } from './world.js';

export function traceOf(start: World, { violation }: Exploration): string {
  if (violation === null) return 'no violation';
  const lines: string[] = [];
  let world = start;
  let seen = 0;
  for (const [at, choice] of violation.choices.entries()) {
    const move = movesOf(world)[choice];
    if (move === undefined) break;
    lines.push(`${String(at + 1).padStart(3)}  ${move.text()}`);
    try {
      world = move.to();
    } catch {
      break; // the last move is the one that broke an invariant
    }
    const readers = seenByReaders(world);
    if (readers.length > seen) lines.push(`     → readers see ${readers.slice(seen).map(nameOf).join(', ')}`);
    seen = readers.length;
  }
  lines.push(`  ✗  ${violation.broken}`);
  return lines.join('\n');
}
