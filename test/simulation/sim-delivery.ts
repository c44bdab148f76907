/** The delivery stage as it ships, with handlers that are slow and fail; what it is handed is written down. */
import type { Observation } from '../../src/check/evidence.js';
import { deliveryIn } from '../../src/check/readers/record-texts.js';
import type { GroupBatch, GroupSourceHandlers } from '../../src/kafka/group-contract.js';
import type { Log } from '../../src/observe/log.js';
import { silentMetrics } from '../../src/observe/metrics.js';
import { DeadLetterWriter } from '../../src/stages/delivery/dead-letter-writer.js';
import { DeliveryEngine } from '../../src/stages/delivery/delivery-engine.js';
import { deliveryMetrics } from '../../src/stages/delivery/metrics.js';
import type { DeliveryHandler } from '../../src/stages/delivery/run-handler.js';
import type { RecordSource } from '../../src/stages/ports.js';
import type { HandlerJudge } from './handler-judge.js';
import type { SimProcess } from './scheduler.js';
import { simProducer } from './sim-edges.js';
import { DELIVERY_GROUP, DLQ_PARTITIONS, TOPICS, type SimServers } from './sim-servers.js';

const RETRY = { attempts: 2, initialMs: 20, maxMs: 100, jitter: 0 };

export interface SimDeliveryDeps {
  readonly openSource: (handlers: GroupSourceHandlers) => RecordSource;
  readonly judge: HandlerJudge;
  /** What the source handed out is added here. */
  readonly observations: Observation[];
  readonly log: Log;
  readonly onFatal: (error: Error) => void;
}

export function simDelivery(servers: SimServers, process: SimProcess, deps: SimDeliveryDeps): DeliveryEngine {
  const { clock, name: reader } = process;
  const { network, postgres } = servers;
  const { log, onFatal } = deps;
  let assignment = 0;
  return new DeliveryEngine({
    openSource: (handlers) =>
      deps.openSource({
        ...handlers,
        onAssigned: (assigned) => {
          assignment += 1;
          handlers.onAssigned(assigned);
        },
        onBatch: (batch) => {
          deps.observations.push(...observationsOf(servers, batch, reader, assignment));
          handlers.onBatch(batch);
        },
      }),
    startPositions: null,
    deadLetters: new DeadLetterWriter({ producer: simProducer(servers, process), clock, log }),
    handler: handlerOf(servers, process, deps.judge),
    history: { read: (query) => network.ask(process, () => postgres.history(query)) },
    onFailure: 'dead-letter',
    topics: TOPICS,
    dlqPartitions: DLQ_PARTITIONS,
    concurrency: 3,
    retry: RETRY,
    repair: { initialMs: 20, maxMs: 200, jitter: 0, timeoutMs: 1_000, pageSize: 2 },
    limits: { maxHeldRecords: 6, maxHeldBytes: 20_000, maxUncommitted: 20, maxConversations: 50 },
    commitIntervalMs: 100,
    clock,
    log,
    metrics: deliveryMetrics(silentMetrics),
    onFatal,
  });
}

function handlerOf({ random, network }: SimServers, process: SimProcess, judge: HandlerJudge): DeliveryHandler {
  const reader = process.name;
  return async (delivery, { signal, attempt }) => {
    judge.called(reader, delivery, signal);
    await process.clock.sleep(random.below(6) === 0 ? random.below(1_500) : random.below(4));
    // Every twentieth message is more than its handler can take.
    const isPoison = /[05]$/.test(delivery.clientMsgId) && delivery.seq % 4 === 0;
    if (isPoison || random.fraction() < network.faultRate) {
      judge.ended(reader, delivery, attempt < RETRY.attempts ? 'failed' : 'failed for good');
      throw new Error('simulated: the handler failed');
    }
    judge.ended(reader, delivery, 'handled');
  };
}

function observationsOf(
  { kafka }: SimServers,
  { topic, partition, records, undecodable }: GroupBatch,
  reader: string,
  assignment: number,
): Observation[] {
  const offsets = [...records.map(({ offset }) => offset), ...undecodable.map(({ firstOffset }) => firstOffset)];
  const log = kafka.log(topic, partition);
  return offsets
    .sort((a, b) => a - b)
    .flatMap((offset) => {
      const record = log[offset]?.record ?? null;
      const message = record && deliveryIn(record, 'committed', null).message;
      if (message === null) return [];
      const { conversationId, seq, msgId } = message;
      return { reader, group: DELIVERY_GROUP, assignment, partition, offset, conversationId, seq, msgId };
    });
}
