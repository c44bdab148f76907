import { deliveryKey, parseDelivery, renderDelivery, type Delivery } from '../../protocol/delivery.js';
import type { StampedMessage } from '../../protocol/message.js';
import type { RawRecord, RecordHeaders, RecordPlace } from '../../record.js';

/** A stored message as the topic would have brought it; only the epoch of the lane that wrote it isn't known. */
export interface StoredDelivery {
  readonly delivery: Delivery;
  readonly raw: RawRecord;
  /** Where the message lies in `im.ingest`. */
  readonly origin: RecordPlace;
}

export function deliveryOfStored(
  message: StampedMessage,
  topics: { readonly ingest: string; readonly delivery: string },
): StoredDelivery {
  const headers: Record<string, RecordHeaders[string]> = {};
  if (message.traceparent !== null) headers['traceparent'] = message.traceparent;
  if (message.tracestate !== null) headers['tracestate'] = message.tracestate;
  const raw = { key: deliveryKey(message), value: renderDelivery(message), headers };
  const origin = { topic: topics.ingest, ...message.place };
  // Rendered and read back, so that a handler can't tell a repaired message from a delivered one.
  const delivery = parseDelivery({ ...raw, ...origin, timestampMs: message.stampedAt });
  return { delivery, raw, origin };
}
