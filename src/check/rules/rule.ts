import type { ConversationSoFar, Delivered, PartitionSoFar, Step } from '../so-far.js';
import type { RuleName } from './catalogue.js';

/**
 * A rule on the stream of deliveries that readers see. Pure: it is asked before the record is taken into what is
 * remembered, and answers the sentence that says what is wrong, or null.
 */
export interface DeliveryRule {
  readonly name: RuleName;
  judge(record: Delivered, conversation: ConversationSoFar, partition: PartitionSoFar, step: Step): string | null;
}

/** `group:g has seq 7` as sentences name a message. */
export function nameOf({ message }: Delivered): string {
  return `seq ${message.seq} of ${message.conversationId}`;
}
