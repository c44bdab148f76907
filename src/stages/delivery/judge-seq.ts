/**
 * What a record's `seq` says about it, given the last one of its conversation that this assignment has dealt with.
 * All of delivery's decisions about order are here; everything else only carries them out.
 */
export type SeqVerdict =
  /** Dealt with before: a repeated record, or one that was repaired from history meanwhile. */
  | { readonly kind: 'drop' }
  /** Its turn has come. */
  | { readonly kind: 'handle' }
  /** `fromSeq` to `toSeq` come first, and the topic didn't bring them. */
  | { readonly kind: 'repair'; readonly fromSeq: number; readonly toSeq: number };

/**
 * `lastSeq` is null where the conversation is new to this assignment (or forgotten for lack of room). Then the record
 * is where it starts: everything before the committed offset has been dealt with, and the topic is in order, so what
 * comes first is what comes next.
 */
export function judgeSeq(lastSeq: number | null, seq: number): SeqVerdict {
  if (lastSeq === null || seq === lastSeq + 1) return { kind: 'handle' };
  if (seq <= lastSeq) return { kind: 'drop' };
  return { kind: 'repair', fromSeq: lastSeq + 1, toSeq: seq - 1 };
}
