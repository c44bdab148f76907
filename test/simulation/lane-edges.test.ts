import { describe } from '@jest/globals';
import { laneEdgesContract } from '../contracts/lane-edges.contract.js';
import { MemoryKafka } from './memory-kafka.js';
import { MemoryPostgres } from './memory-postgres.js';
import { Random } from './random.js';
import { Scheduler, SimProcess } from './scheduler.js';
import { simEdges } from './sim-edges.js';
import { SimGroup, SimMember } from './sim-group.js';
import { LOGIC_GROUP, TOPICS } from './sim-servers.js';
import { Network } from './network.js';

describe('a lane’s edges on the servers in memory', () => {
  const scheduler = new Scheduler();
  const random = new Random(1);
  const process = new SimProcess(scheduler, 'p0');
  const postgres = new MemoryPostgres();
  const kafka = new MemoryKafka(() => 0);
  const options = { groupId: LOGIC_GROUP, topic: TOPICS.logic, partitions: 1, startPaused: true };
  const group = new SimGroup(options, kafka, new Network(scheduler, random));
  const handlers = { onAssigned: () => undefined, onBatch: () => undefined, onFatal: () => undefined };
  const source = new SimMember(group, process, handlers);
  /** Every request is answered at once: it is the servers that are judged here. */
  const ask = async <T>(_from: SimProcess, serve: () => T): Promise<T> => serve();
  const network = { faultRate: 0, ask, askTwice: ask };
  let lanes = 0;

  laneEdgesContract(() => {
    const partition = lanes++;
    const edges = simEdges({ random, kafka, postgres, network }, process, source, partition);
    return { partition, edges, delivered: async () => deliveredIn(partition) };
  });

  function deliveredIn(partition: number): string[] {
    return kafka.fetch(TOPICS.delivery, partition, 0, 100).records.map(({ key }) => String(key));
  }
});
