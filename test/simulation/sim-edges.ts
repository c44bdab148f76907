/** A lane's edges, and a plain producer, on the servers in memory. They fail as the real ones do. */
import { InorderError } from '../../src/errors.js';
import { encodeWatermark } from '../../src/lane/watermark.js';
import type { LogicOffset } from '../../src/protocol/ids.js';
import type { LaneEdges, LaneForwarder, LaneLog, LaneStore, StoreOutcome } from '../../src/stages/logic/edges.js';
import { forwardedRecord } from '../../src/stages/logic/forwarded-record.js';
import type { RecordProducer, RecordSource } from '../../src/stages/ports.js';
import type { SimProcess } from './scheduler.js';
import { DLQ_PARTITIONS, LOGIC_GROUP, TOPICS, type SimServers } from './sim-servers.js';

export function simEdges(servers: SimServers, process: SimProcess, source: RecordSource, partition: number): LaneEdges {
  return { store: storeOf(servers, process, partition), log: logOf(servers, process, source, partition) };
}

function storeOf({ postgres, network }: SimServers, process: SimProcess, partition: number): LaneStore {
  return {
    take: () => network.ask(process, () => postgres.take(partition)),
    epoch: () => network.ask(process, () => (postgres.lane(partition)?.epoch ?? null) as never),
    store: (plan, laneEpoch) =>
      network
        .ask(process, () => postgres.store(partition, plan, laneEpoch))
        .catch((cause: unknown): StoreOutcome => ({ kind: 'unknown', cause })),
    held: () => network.ask(process, () => postgres.held(partition)),
    senders: (senders) => network.ask(process, () => postgres.senders(senders)),
    heads: (ids) => network.ask(process, () => postgres.heads(ids)),
    stored: (messages) => network.ask(process, () => postgres.stored(messages)),
    unforwarded: (after, limit) => network.ask(process, () => postgres.unforwarded(partition, after, limit)),
  };
}

function logOf(servers: SimServers, process: SimProcess, source: RecordSource, partition: number): LaneLog {
  const { kafka, network, random } = servers;
  const transactionalId = `${LOGIC_GROUP}.${partition}`;
  const topic = TOPICS.logic;
  return {
    fence: async () => {
      const epoch = await network.ask(process, () => kafka.initProducer(transactionalId));
      return forwarderOf(servers, process, partition, { transactionalId, epoch });
    },
    position: async () => {
      const committed = await network.ask(process, () =>
        kafka.committedOrFormer(LOGIC_GROUP, topic, partition, random.below(3) === 0),
      );
      const logEnd = await network.ask(process, () => kafka.endOffset(topic, partition));
      return { committed, logStart: 0, logEnd };
    },
    end: async () => (await network.ask(process, () => kafka.endOffset(topic, partition))) as LogicOffset,
    open: (nextOffset) => {
      source.seek(topic, partition, nextOffset);
      source.resume(topic, partition);
    },
    pause: () => source.pause(topic, partition),
    resume: () => source.resume(topic, partition),
  };
}

function forwarderOf(
  { kafka, network }: SimServers,
  process: SimProcess,
  partition: number,
  { transactionalId, epoch }: { readonly transactionalId: string; readonly epoch: number },
): LaneForwarder {
  const fenced = { kind: 'fenced', cause: new Error('simulated: INVALID_PRODUCER_EPOCH') } as const;
  let sequence = 0;
  return {
    forward: async (stamped, { nextOffset, watermark }, laneEpoch) => {
      const records = stamped.map((one) =>
        forwardedRecord({ topics: TOPICS, dlqPartitions: DLQ_PARTITIONS }, one, partition, laneEpoch),
      );
      const position = { group: LOGIC_GROUP, topic: TOPICS.logic, partition, nextOffset };
      try {
        if (records.length > 0) {
          const first = sequence;
          sequence += records.length;
          const produced = await network.askTwice(process, () => kafka.produce(transactionalId, epoch, records, first));
          if (produced === 'fenced') return fenced;
          if (produced === 'out-of-order') return { kind: 'unknown', cause: new Error('simulated: out of order') };
        }
        const metadata = encodeWatermark(watermark);
        const ended = await network.ask(process, () =>
          kafka.endTransaction(transactionalId, epoch, { ...position, metadata }),
        );
        return ended === 'fenced' ? fenced : { kind: 'committed' };
      } catch (cause) {
        return { kind: 'unknown', cause };
      }
    },
    discard: () => Promise.resolve(),
  };
}

/** Writes records in order; a send that breaks off may have written a part of them. */
export function simProducer({ kafka, network, random }: SimServers, process: SimProcess): RecordProducer {
  return {
    send: async (records) => {
      const cut = random.fraction() < network.faultRate / 2 ? random.below(records.length + 1) : records.length;
      await network.ask(process, () => kafka.append(records.slice(0, cut)));
      if (cut < records.length) throw new InorderError('kafka_unavailable', 'simulated: cut short');
    },
    reset: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}
