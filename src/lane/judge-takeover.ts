/**
 * What a takeover found, judged: how to go on, or why a person must look first. Pure rules, in order; the numbers of
 * the lane row come from PostgreSQL, the rest from Kafka, read after both fences.
 */
import type { LogicOffset, MsgId } from '../protocol/ids.js';
import { decodeWatermark } from './watermark.js';

/** The lane row as taken. */
export interface TakenLane {
  readonly nextOffset: LogicOffset;
  readonly lastMsgId: MsgId;
}

/** What Kafka says of the lane, read after fencing. */
export interface CommittedPosition {
  /** The group's offset in `im.logic` and its metadata; null where the group never committed one. */
  readonly committed: { readonly nextOffset: number; readonly metadata: string | null } | null;
  /** First offset still there, and the end, of the lane's partition of `im.logic`. */
  readonly logStart: number;
  readonly logEnd: number;
}

export type TakeoverVerdict =
  | {
      readonly kind: 'go';
      readonly watermark: MsgId;
      /** What the group has committed; null where it has to be committed first. */
      readonly committedOffset: LogicOffset | null;
    }
  | { readonly kind: 'halt'; readonly reason: string };

export function judgeTakeover(taken: TakenLane, found: CommittedPosition): TakeoverVerdict {
  const { nextOffset, lastMsgId } = taken;
  const { committed, logStart, logEnd } = found;
  if (committed !== null && committed.nextOffset > nextOffset) {
    return halt(
      `the group committed offset ${committed.nextOffset}, but the database stands at ${nextOffset}: it lost ` +
        'acknowledged commits (restored from an older copy?)',
    );
  }
  if (nextOffset > logEnd) {
    return halt(`the database stands at offset ${nextOffset}, but the log ends at ${logEnd}: Kafka lost records`);
  }
  if (nextOffset < logStart) {
    return halt(
      `the database stands at offset ${nextOffset}, but the log begins at ${logStart}: records expired unprocessed`,
    );
  }
  if (committed === null) {
    // A lane commits offset 0 before its first batch, so a stored batch without any commit is never a crash.
    if (nextOffset > 0) {
      return halt(`the database stands at offset ${nextOffset}, but the group has no committed offset: it expired`);
    }
    return { kind: 'go', watermark: 0n as MsgId, committedOffset: null };
  }
  const watermark = decodeWatermark(committed.metadata);
  if (watermark === null) {
    return halt(`the committed offset carries ${JSON.stringify(committed.metadata)} where the watermark should be`);
  }
  if (watermark > lastMsgId) {
    return halt(`msgId ${watermark} was delivered, but the database knows ids up to ${lastMsgId} only`);
  }
  return { kind: 'go', watermark, committedOffset: committed.nextOffset as LogicOffset };
}

function halt(reason: string): TakeoverVerdict {
  return { kind: 'halt', reason };
}
