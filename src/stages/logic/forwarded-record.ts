import { deadLetterRecord } from '../../protocol/dead-letter.js';
import { deliveryHeaders, deliveryKey, renderDelivery } from '../../protocol/delivery.js';
import type { LaneEpoch } from '../../protocol/ids.js';
import type { Stamped } from '../../protocol/message.js';
import type { TopicNames } from '../../protocol/topics.js';
import type { OutgoingRecord } from '../../record.js';

/** What a lane writes for something it stamped: a delivery to its own partition, or a dead letter. */
export function forwardedRecord(
  { topics, dlqPartitions }: { readonly topics: TopicNames; readonly dlqPartitions: number },
  stamped: Stamped,
  partition: number,
  laneEpoch: LaneEpoch,
): OutgoingRecord {
  if (stamped.kind === 'message') {
    return {
      topic: topics.delivery,
      partition,
      key: deliveryKey(stamped),
      value: renderDelivery(stamped),
      headers: deliveryHeaders(stamped, laneEpoch),
    };
  }
  const { record, place, reason, detail, stampedAt } = stamped;
  const dead = deadLetterRecord({ record, place, topic: topics.ingest, reason, detail, atMs: stampedAt });
  return {
    topic: topics.dlq,
    partition: place.partition % dlqPartitions,
    key: dead.key,
    value: dead.value,
    headers: dead.headers,
  };
}
