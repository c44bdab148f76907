import { topicNames } from '../../src/protocol/topics.js';
import type { MemoryKafka } from './memory-kafka.js';
import type { MemoryPostgres } from './memory-postgres.js';
import type { Network } from './network.js';
import type { Random } from './random.js';

export const TOPICS = topicNames('im');
export const INGEST_GROUP = 'inorder.im.ingest';
export const LOGIC_GROUP = 'inorder.im.logic';
export const DELIVERY_GROUP = 'app';
export const INGEST_PARTITIONS = 2;
export const LOGIC_PARTITIONS = 2;
export const DLQ_PARTITIONS = 1;

/** What the processes of a simulation share. */
export interface SimServers {
  readonly random: Random;
  readonly network: Pick<Network, 'ask' | 'askTwice' | 'faultRate'>;
  readonly kafka: MemoryKafka;
  readonly postgres: MemoryPostgres;
}
