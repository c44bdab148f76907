import type { TopicNames } from '../protocol/topics.js';

/** A topic as it is to be. Replication is the broker's default: one broker and five want different things. */
export interface TopicSpec {
  readonly name: string;
  readonly partitions: number;
  readonly config: Readonly<Record<string, string>>;
}

const DAY_MS = 24 * 60 * 60 * 1000;
const KIB = 1024;
const MIB = 1024 * KIB;

/** Long enough for an outage over a long weekend; a lane that finds its next record expired halts. */
const INPUT_RETENTION_MS = 7 * DAY_MS;
/** For consumers that fall behind; older messages are history, and PostgreSQL has it. */
const DELIVERY_RETENTION_MS = 30 * DAY_MS;
/** A dead letter waits for a person, however long that takes. */
const UNLIMITED = '-1';

/** Producers send batches; the broker's limit is on a whole batch, and some clients don't split theirs. */
const MIN_INGEST_BYTES = 2 * MIB;
/** What an envelope gains on the way: its parsed fields, spans and hash, ids percent-encoded, our headers. */
const GROWTH_BYTES = 256 * KIB;
/** The limit counts compressed bytes on the way in; what is refused goes out as it was, however well it had packed. */
const DLQ_BYTES = 64 * MIB;

/**
 * The four topics. Whatever is taken in fits on the way on: a record of `im.logic` is at most its `im.ingest` record
 * with the key once more in base64, and a delivery record is smaller than that.
 */
export function topicSpecs(options: {
  readonly topics: TopicNames;
  readonly partitions: number;
  readonly maxValueBytes: number;
}): readonly TopicSpec[] {
  const { topics, partitions, maxValueBytes } = options;
  const ingestBytes = Math.max(MIN_INGEST_BYTES, 4 * maxValueBytes);
  const onTheWayBytes = 3 * ingestBytes + GROWTH_BYTES;
  const topic = (name: string, maxBytes: number, retentionMs: number | string): TopicSpec => ({
    name,
    partitions,
    config: {
      'cleanup.policy': 'delete',
      'compression.type': 'producer',
      'retention.ms': String(retentionMs),
      'max.message.bytes': String(maxBytes),
      // The broker's clock is the one all messages share: receivedAt and a replay's age come from it. And brokers
      // refuse records from an hour in the future, and expire old ones: our writers' clocks must not decide that.
      'message.timestamp.type': 'LogAppendTime',
    },
  });
  return [
    topic(topics.ingest, ingestBytes, INPUT_RETENTION_MS),
    topic(topics.logic, onTheWayBytes, INPUT_RETENTION_MS),
    topic(topics.delivery, onTheWayBytes, DELIVERY_RETENTION_MS),
    topic(topics.dlq, DLQ_BYTES, UNLIMITED),
  ];
}
