/** A lane's edges on the real servers: PostgreSQL for the store, Kafka for the log and the forwarding. */
import { failpoint } from '../../failpoint.js';
import type { KafkaAdmin } from '../../kafka/admin.js';
import type { KafkaConnection } from '../../kafka/connection.js';
import { fenceLaneProducer, type LaneProducer } from '../../kafka/lane-producer.js';
import { encodeWatermark } from '../../lane/watermark.js';
import { senderKeyOf } from '../../ordering/sender.js';
import { identityOf } from '../../ordering/state.js';
import type { Database } from '../../postgres/database.js';
import { findStored } from '../../postgres/find-stored.js';
import { loadHeads } from '../../postgres/load-heads.js';
import { loadSenders } from '../../postgres/load-senders.js';
import { readHeld } from '../../postgres/read-held.js';
import { readLaneEpoch } from '../../postgres/read-lane-epoch.js';
import { readUnforwarded } from '../../postgres/read-unforwarded.js';
import { storePlan } from '../../postgres/store-plan.js';
import { takeLane } from '../../postgres/take-lane.js';
import type { LogicOffset } from '../../protocol/ids.js';
import type { TopicNames } from '../../protocol/topics.js';
import type { RecordSource } from '../ports.js';
import type { LaneEdges, LaneForwarder, LaneLog, LaneStore } from './edges.js';
import { forwardedRecord } from './forwarded-record.js';

export interface LaneServers {
  readonly kafka: KafkaConnection;
  readonly admin: KafkaAdmin;
  readonly database: Database;
  readonly topics: TopicNames;
  readonly dlqPartitions: number;
  readonly groupId: string;
  readonly transactionTimeoutMs: number;
  /** Who takes the lane: for the lane row and the log, read by people. */
  readonly owner: string;
}

export function serverEdges(servers: LaneServers, source: RecordSource, partition: number): LaneEdges {
  return { store: laneStore(servers, partition), log: laneLog(servers, source, partition) };
}

function laneStore({ database, owner }: LaneServers, partition: number): LaneStore {
  return {
    take: async () => {
      if (failpoint !== null) await failpoint('takeover.before_fences');
      return takeLane(database, { partition, owner });
    },
    epoch: () => readLaneEpoch(database, partition),
    store: (plan, laneEpoch) => storePlan(database, { partition, laneEpoch, plan }),
    held: async () => {
      if (failpoint !== null) await failpoint('takeover.before_holds');
      return readHeld(database, partition);
    },
    senders: async (senders) =>
      new Map((await loadSenders(database, senders)).map((loaded) => [senderKeyOf(loaded), loaded.head])),
    heads: (conversationIds) => loadHeads(database, conversationIds),
    stored: async (messages) =>
      (await findStored(database, messages)).map((row) => ({
        identity: identityOf(row),
        contentHash: row.contentHash,
      })),
    unforwarded: async (afterMsgId, limit) => {
      const stamped = await readUnforwarded(database, { partition, afterMsgId, limit });
      if (failpoint !== null && stamped.length > 0) await failpoint('takeover.during_emission');
      return stamped;
    },
  };
}

function laneLog(servers: LaneServers, source: RecordSource, partition: number): LaneLog {
  const { kafka, admin, topics, groupId, transactionTimeoutMs } = servers;
  const topic = topics.logic;
  return {
    fence: async () => {
      if (failpoint !== null) await failpoint('takeover.between_fences');
      const transactionalId = `${groupId}.${topic}.${partition}`;
      const producer = await fenceLaneProducer(kafka, { transactionalId, transactionTimeoutMs });
      return laneForwarder(servers, producer, partition);
    },
    position: async () => {
      if (failpoint !== null) await failpoint('takeover.before_read');
      const committed = await admin.committed(groupId, topic, partition);
      const { startOffset, endOffset } = await admin.logRange(topic, partition);
      if (failpoint !== null) await failpoint('takeover.after_read');
      return { committed, logStart: startOffset, logEnd: endOffset };
    },
    end: async () => (await admin.logRange(topic, partition)).endOffset as LogicOffset,
    open: (nextOffset) => {
      source.seek(topic, partition, nextOffset);
      source.resume(topic, partition);
    },
    pause: () => source.pause(topic, partition),
    resume: () => source.resume(topic, partition),
  };
}

function laneForwarder(servers: LaneServers, producer: LaneProducer, partition: number): LaneForwarder {
  const { topics, groupId } = servers;
  return {
    forward: (stamped, { nextOffset, watermark }, laneEpoch) =>
      producer.transact({
        records: stamped.map((one) => forwardedRecord(servers, one, partition, laneEpoch)),
        group: { groupId, topic: topics.logic, partition, nextOffset, metadata: encodeWatermark(watermark) },
      }),
    discard: () => producer.discard(),
  };
}
