import { isMissing } from '../so-far.js';
import { nameOf, type DeliveryRule } from './rule.js';

/**
 * Rule 6. Inside a conversation, deliveries lie in the topic in the order of `seq`, and a conversation lies in one
 * partition: two have no order between them. A `seq` that fills a gap left by higher ones came after its turn.
 */
export const seqOrder: DeliveryRule = {
  name: 'seq-order',
  judge(record, conversation) {
    if (conversation.partition !== record.partition) {
      return `${nameOf(record)} lies in partition ${record.partition}, the conversation in ${conversation.partition}`;
    }
    const { seq } = record.message;
    if (seq > conversation.lastSeq || !isMissing(conversation.gaps, seq)) return null;
    return `${nameOf(record)} comes after seq ${conversation.lastSeq}`;
  },
};
