import { partitionIn } from '../decimal.js';
import { isMissing, type ConversationSoFar, type Delivered, type PartitionSoFar } from '../so-far.js';
import { nameOf, type DeliveryRule } from './rule.js';

/**
 * Rule 3. No two deliveries have the same (conversation, `seq`), and no two the same `msgId`.
 *
 * A `seq` at or below the conversation's highest is a repeat unless it was passed over before, which is exact. A repeated
 * `msgId` can't rise, so that it never escapes: among the last 4,096 of its partition it is named here, from farther back
 * it is named by rule msg-id-grows. Ids of different partitions are kept apart by the partition in them, so each must
 * carry its own; where a pipeline makes its ids otherwise, ids are compared inside each partition only.
 */
export const stampsUnique: DeliveryRule = {
  name: 'stamps-unique',
  judge(record, conversation, partition) {
    const { msgId } = record.message;
    if (isRepeat(record, conversation)) {
      return `${nameOf(record)} was delivered before`;
    }
    if (msgId === null) return null;
    if (isRepeatedId(msgId, partition)) return `msgId ${msgId} of ${nameOf(record)} was given before`;
    partition.idsCarryPartition ??= partitionIn(msgId) === record.partition;
    if (partition.idsCarryPartition && partitionIn(msgId) !== record.partition) {
      return `msgId ${msgId} of ${nameOf(record)} carries partition ${partitionIn(msgId)} and lies in ${record.partition}`;
    }
    return null;
  },
};

/** Whether this place in the conversation was taken before. */
export function isRepeat({ message: { seq } }: Delivered, { lastSeq, gaps }: ConversationSoFar): boolean {
  return seq <= lastSeq && !isMissing(gaps, seq);
}

/** Whether a recent delivery of the partition has the id. */
export function isRepeatedId(msgId: string, { lastMsgId, recentIds }: PartitionSoFar): boolean {
  if (msgId === lastMsgId) return true;
  if (lastMsgId === null || !isAtMost(msgId, lastMsgId)) return false;
  return recentIds.includes(msgId);
}

function isAtMost(a: string, b: string): boolean {
  return a.length < b.length || (a.length === b.length && a <= b);
}
