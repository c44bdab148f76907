import { messageOf } from '../../errors.js';
import { parseDelivery, type Delivery } from '../../protocol/delivery.js';
import type { KafkaRecord } from '../../record.js';
import type { UnreadableRecord } from './conversation.js';

/** What a record of `im.delivery` says, or why it is none of ours. Never throws: anybody may write to a topic. */
export function readDelivery(record: KafkaRecord): Delivery | UnreadableRecord {
  try {
    return parseDelivery(record);
  } catch (error) {
    return { unreadable: messageOf(error) };
  }
}
