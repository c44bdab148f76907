/**
 * Rule 1, the part that only producers can show (`ends-once`): a record whose place Kafka acknowledged is there. Judged by
 * the places that producers noted, inside what the evidence covers of a partition: below it records were deleted, as a
 * topic's retention does, and are not judged; above it they came later, or were lost, which tells itself apart only when
 * nothing is written any more. Records that nobody noted are judged as any other.
 */
import type { OffsetRange } from '../evidence.js';
import type { PlaceSet } from '../place-set.js';

export interface AcknowledgedSetting {
  readonly acknowledged: PlaceSet;
  /** What was read of the ingest topic. */
  readonly there: PlaceSet;
  /** What the evidence covers of a partition; undefined where that is nothing. */
  readonly rangeOf: (partition: number) => OffsetRange | undefined;
  readonly isDrained: boolean;
  readonly onMissing: (partition: number, offset: number) => void;
}

/** How many of the places could not be judged. */
export function judgeAcknowledged({ acknowledged, there, rangeOf, isDrained, onMissing }: AcknowledgedSetting): number {
  let notJudged = 0;
  acknowledged.each((partition, offset) => {
    if (there.has(partition, offset)) return;
    const { start, end } = rangeOf(partition) ?? { start: 0, end: 0 };
    if (offset < start || (offset >= end && !isDrained)) notJudged += 1;
    else onMissing(partition, offset);
  });
  return notJudged;
}
