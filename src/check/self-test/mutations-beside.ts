/** Faults beside the messages: where lanes and logs stand, and what readers wrote down. */
import { invariant } from '../../invariant.js';
import type { History } from './clean-history.js';
import { cut, NO_SUCH, pick } from './picks.js';
import type { SeededDraws } from './seeded-draws.js';

export function commitAhead({ lanes }: History, draws: SeededDraws): void {
  const lane = cut(lanes, draws);
  lanes.push({ ...lane, committedOffset: lane.nextOffset + 1 });
}

export function forwardAhead({ lanes }: History, draws: SeededDraws): void {
  const lane = cut(lanes, draws);
  lanes.push({ ...lane, watermark: String(BigInt(lane.lastMsgId) + 1n) });
}

export function leaveOpen({ logEnds }: History, draws: SeededDraws): void {
  const end = cut(logEnds, draws);
  logEnds.push({ ...end, endOffset: end.endOffset + 3, openForMs: 120_000 });
}

export function showOtherOrder({ observations }: History, draws: SeededDraws): void {
  const at = draws.below(observations.length);
  const seen = observations[at];
  invariant(seen !== undefined, NO_SUCH);
  observations[at] = { ...seen, msgId: `${seen.msgId}0` };
}

export function endReaderEarly({ observations }: History): void {
  observations.pop();
}

/** Neither the first nor the last of its assignment. */
export function skipObservation({ observations }: History, draws: SeededDraws): void {
  const inside = observations.flatMap((seen, at) => {
    const same = [observations[at - 1], observations[at + 1]].every(
      (other) => other?.reader === seen.reader && other.partition === seen.partition,
    );
    return same ? [at] : [];
  });
  observations.splice(pick(inside, draws), 1);
}

export function rewindReader({ observations }: History, draws: SeededDraws): void {
  const at = draws.below(observations.length);
  const seen = observations[at];
  invariant(seen !== undefined, NO_SUCH);
  observations.splice(at, 0, seen);
}
