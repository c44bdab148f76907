/** Faults beside the messages: where lanes and logs stand, and what readers wrote down. */
import { invariant } from '../../invariant.js';
import type { IngestPlace } from '../evidence.js';
import type { History } from './clean-history.js';
import { cut, NO_SUCH, pick } from './picks.js';
import type { SeededDraws } from './seeded-draws.js';

/** As from a log that lost it: the record is nowhere, and nothing came of it. Only who noted its place can know. */
export function loseAcknowledged({ ingest, deadLetters, acknowledged }: History, draws: SeededDraws): void {
  const isNoted = ({ partition, offset }: IngestPlace): boolean =>
    offset > 0 && acknowledged.some((one) => one.partition === partition && one.offset === offset);
  const { place } = pick(
    deadLetters.filter((letter) => isNoted(letter.place)),
    draws,
  );
  const records = ingest[place.partition] ?? [];
  records.splice(
    records.findIndex(({ offset }) => offset === place.offset),
    1,
  );
  deadLetters.splice(
    deadLetters.findIndex((letter) => letter.place === place),
    1,
  );
}

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
