import { compareDecimal } from '../decimal.js';
import { isRepeatedId } from './stamps-unique.js';
import { nameOf, type DeliveryRule } from './rule.js';

/**
 * Rule 8. `msgId` grows with `seq` inside a conversation, and along a partition whatever the conversation. An id that
 * was given before is rule stamps-unique's, not this one's.
 */
export const msgIdGrows: DeliveryRule = {
  name: 'msg-id-grows',
  judge(record, conversation, partition, step) {
    const { msgId } = record.message;
    if (msgId === null || partition.lastMsgId === null) return null;
    if (step.isIdAbove) {
      // Ids that grow along the partition grow in a conversation that stays in it.
      if (conversation.partition === record.partition || conversation.lastMsgId === null) return null;
      if (compareDecimal(msgId, conversation.lastMsgId) > 0) return null;
      return `msgId ${msgId} of ${nameOf(record)} follows ${conversation.lastMsgId} in the conversation`;
    }
    if (step.isRepeat || isRepeatedId(msgId, partition, step)) return null;
    return `msgId ${msgId} of ${nameOf(record)} follows ${partition.lastMsgId} in the partition`;
  },
};
