import { partitionIn } from '../decimal.js';
import type { PartitionSoFar, Step } from '../so-far.js';
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
  judge(record, _, partition, step) {
    const { msgId } = record.message;
    if (step.isRepeat) return `${nameOf(record)} was delivered before`;
    if (msgId === null) return null;
    if (isRepeatedId(msgId, partition, step)) return `msgId ${msgId} of ${nameOf(record)} was given before`;
    if (partition.idsCarryPartition === false) return null;
    const carried = partitionIn(msgId);
    partition.idsCarryPartition ??= carried === record.partition;
    if (!partition.idsCarryPartition || carried === record.partition) return null;
    return `msgId ${msgId} of ${nameOf(record)} carries partition ${carried} and lies in ${record.partition}`;
  },
};

/** Whether a recent delivery of the partition has the id. */
export function isRepeatedId(msgId: string, { lastMsgId, recentIds }: PartitionSoFar, { isIdAbove }: Step): boolean {
  return !isIdAbove && (msgId === lastMsgId || recentIds.includes(msgId));
}
