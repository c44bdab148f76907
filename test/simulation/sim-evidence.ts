/** What a simulation leaves in its topics and tables, as the checker wants to be told. */
import type {
  DeliveryRecord,
  Evidence,
  LanePosition,
  LogEnd,
  MessageRow,
  Observation,
} from '../../src/check/evidence.js';
import { deadLetterIn, deliveryIn, saidIn } from '../../src/check/readers/record-texts.js';
import type { MemoryKafka } from './memory-kafka.js';
import type { MemoryPostgres, StoredRow } from './memory-postgres.js';
import { DLQ_PARTITIONS, INGEST_PARTITIONS, LOGIC_GROUP, LOGIC_PARTITIONS, TOPICS } from './sim-servers.js';

const PARTITIONS = {
  [TOPICS.ingest]: INGEST_PARTITIONS,
  [TOPICS.logic]: LOGIC_PARTITIONS,
  [TOPICS.delivery]: LOGIC_PARTITIONS,
  [TOPICS.dlq]: DLQ_PARTITIONS,
};

/** To be taken when all is at rest. @param observations what sources handed to the delivery stages, in their order */
export function evidenceOf(
  kafka: MemoryKafka,
  postgres: MemoryPostgres,
  observations: readonly Observation[],
): Evidence {
  const partitions = numbersTo(LOGIC_PARTITIONS);
  return {
    topics: TOPICS,
    partitions,
    ingest: () =>
      numbersTo(INGEST_PARTITIONS).map((partition) =>
        kafka.log(TOPICS.ingest, partition).flatMap(({ record, isDamaged }) => {
          if (record === null) return [];
          return { partition, offset: record.offset, said: isDamaged ? null : saidIn(record.value) };
        }),
      ),
    deadLetters: () =>
      numbersTo(DLQ_PARTITIONS).map((partition) =>
        kafka.log(TOPICS.dlq, partition).flatMap(({ record, transaction }) => {
          const isCommitted = transaction === null || transaction.outcome === 'committed';
          return (record !== null && isCommitted && deadLetterIn(record)) || [];
        }),
      ),
    delivery: (partition) => [deliveriesIn(kafka, partition)],
    hasAbortedCopies: true,
    rows: (partition) => [postgres.rows(partition).flatMap((row) => rowOf(row, partition) ?? [])],
    lanes: partitions.flatMap((partition) => laneOf(kafka, postgres, partition) ?? []),
    logEnds: Object.entries(PARTITIONS).flatMap(([topic, count]) =>
      numbersTo(count).map((partition) => logEndOf(kafka, topic, partition)),
    ),
    observations: () => [observations],
    isDrained: true,
  };
}

function deliveriesIn(kafka: MemoryKafka, partition: number): DeliveryRecord[] {
  return kafka.log(TOPICS.delivery, partition).flatMap(({ record, transaction }) => {
    if (record === null) return [];
    return deliveryIn(record, transaction?.outcome ?? 'committed', transaction?.number ?? null);
  });
}

function rowOf({ stamped, laneEpoch, batch }: StoredRow, partition: number): MessageRow | null {
  if (stamped.kind !== 'message') return null;
  const { conversationId, senderId, clientMsgId, sentAt, senderSeq, senderEpoch, body, meta, place } = stamped;
  return {
    ...{ conversationId, senderId, clientMsgId, sentAt, senderSeq, senderEpoch, place, partition, laneEpoch },
    body: body.toString('utf8'),
    meta: meta?.toString('utf8') ?? null,
    seq: stamped.seq,
    msgId: String(stamped.msgId),
    receivedAt: stamped.receivedAt,
    stampedAt: stamped.stampedAt,
    late: stamped.late,
    batch: String(batch),
  };
}

function laneOf(kafka: MemoryKafka, postgres: MemoryPostgres, partition: number): LanePosition | null {
  const lane = postgres.lane(partition);
  if (lane === null) return null;
  const committed = kafka.committed(LOGIC_GROUP, TOPICS.logic, partition);
  return {
    partition,
    nextOffset: lane.nextOffset,
    lastMsgId: String(lane.lastMsgId),
    committedOffset: committed?.nextOffset ?? null,
    watermark: committed?.metadata ?? null,
  };
}

function logEndOf(kafka: MemoryKafka, topic: string, partition: number): LogEnd {
  const stableOffset = kafka.stableOffset(topic, partition);
  return { topic, partition, stableOffset, endOffset: kafka.endOffset(topic, partition), openForMs: null };
}

function numbersTo(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n);
}
