import { compareDecimal } from '../decimal.js';
import type { LanePosition } from '../evidence.js';

/**
 * Rule 11. What a lane committed in Kafka is not ahead of what it stored: committed offset ≤ `next_offset`, and
 * watermark ≤ `last_msg_id`. Kafka is read first, and both only grow, so that a running lane can't look guilty.
 */
export function judgeLane({
  partition,
  nextOffset,
  lastMsgId,
  committedOffset,
  watermark,
}: LanePosition): string | null {
  if (committedOffset !== null && committedOffset > nextOffset) {
    return `lane ${partition} committed offset ${committedOffset} and stored up to ${nextOffset}: the database is behind`;
  }
  if (watermark !== null && compareDecimal(watermark, lastMsgId) > 0) {
    return `lane ${partition} forwarded msgId ${watermark} and stored up to ${lastMsgId}: the database is behind`;
  }
  return null;
}
