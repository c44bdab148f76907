import { firstIndex } from './timeline-entry.js';

/** Missing messages, both ends included: what to ask the history for. */
export interface SeqRange {
  readonly fromSeq: number;
  readonly toSeq: number;
}

/** A set of `seq`s as ranges: few, however many messages there are. */
export class SeqRanges {
  /** Sorted, apart by at least one. */
  readonly #ranges: { fromSeq: number; toSeq: number }[] = [];

  add(seq: number): void {
    const ranges = this.#ranges;
    const at = firstIndex(ranges, 0, ranges.length, ({ fromSeq }) => fromSeq > seq);
    const before = ranges[at - 1];
    const after = ranges[at];
    if (before !== undefined && seq <= before.toSeq) return;
    const joinsBefore = before?.toSeq === seq - 1;
    const joinsAfter = after?.fromSeq === seq + 1;
    if (joinsBefore && joinsAfter) {
      before.toSeq = after.toSeq;
      ranges.splice(at, 1);
    } else if (joinsBefore) {
      before.toSeq = seq;
    } else if (joinsAfter) {
      after.fromSeq = seq;
    } else {
      ranges.splice(at, 0, { fromSeq: seq, toSeq: seq });
    }
  }

  /** What is missing from `fromSeq` up to the highest one. */
  gaps(fromSeq: number): SeqRange[] {
    const gaps: SeqRange[] = [];
    let nextSeq = fromSeq;
    for (const range of this.#ranges) {
      if (range.fromSeq > nextSeq) gaps.push({ fromSeq: nextSeq, toSeq: range.fromSeq - 1 });
      nextSeq = Math.max(nextSeq, range.toSeq + 1);
    }
    return gaps;
  }
}
