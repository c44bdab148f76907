import { beforeAll, describe } from '@jest/globals';
import { silentLog } from '../../src/observe/log.js';
import type { Database } from '../../src/postgres/database.js';
import { migrate } from '../../src/postgres/migrate.js';
import type { LaneEpoch, LogicOffset, MsgId } from '../../src/protocol/ids.js';
import type { LaneEdges } from '../../src/stages/logic/edges.js';
import type { RecordSource } from '../../src/stages/ports.js';
import { serverEdges } from '../../src/stages/logic/server-edges.js';
import { kafkaFixture } from '../support/kafka-fixture.js';
import { testSchema } from '../support/postgres-schema.js';
import { until } from '../support/until.js';
import { laneEdgesContract } from './lane-edges.contract.js';

const PARTITIONS = 16;

describe('a lane’s edges on the real servers', () => {
  const schema = testSchema();
  const fixture = kafkaFixture();
  const topics = { ingest: '', logic: '', delivery: '', dlq: '' };
  let database: Database;
  let groupId = '';
  let lanes = 0;

  beforeAll(async () => {
    database = schema.open();
    await migrate(database, silentLog);
    topics.logic = await fixture.newTopic(PARTITIONS);
    topics.delivery = await fixture.newTopic(PARTITIONS);
    topics.dlq = await fixture.newTopic(1);
    groupId = fixture.newName();
    await until('a coordinator of the group', isCoordinated); // a new broker is still electing one
  });

  async function isCoordinated(): Promise<boolean> {
    const { log } = newEdges(PARTITIONS - 1);
    const forwarder = await log.fence();
    const position = { nextOffset: 0 as LogicOffset, watermark: 0n as MsgId };
    const { kind } = await forwarder.forward([], position, 0 as LaneEpoch);
    await forwarder.discard();
    return kind === 'committed';
  }

  /** None of the contract reads the log through it. */
  const source: RecordSource = {
    start: () => Promise.resolve(),
    pause: () => undefined,
    resume: () => undefined,
    seek: () => undefined,
    commit: () => Promise.resolve(),
    stop: () => Promise.resolve(),
  };

  function newEdges(partition: number): LaneEdges {
    const { kafka, admin } = fixture;
    const servers = { ...{ kafka, admin, database, topics, groupId }, dlqPartitions: 1, owner: 'contract' };
    return serverEdges({ ...servers, transactionTimeoutMs: 20_000 }, source, partition);
  }

  laneEdgesContract(() => {
    const partition = lanes++;
    return { partition, edges: newEdges(partition), delivered: () => deliveredIn(partition) };
  });

  async function deliveredIn(partition: number): Promise<string[]> {
    const reader = fixture.reader({ topics: [topics.delivery] });
    await reader.source.start();
    const { endOffset } = await fixture.admin.logRange(topics.delivery, partition);
    const isAtEnd = (): boolean =>
      [...reader.passed, ...reader.batches].some((one) => one.partition === partition && one.nextOffset >= endOffset);
    await until('the end of the log', isAtEnd);
    await reader.source.stop();
    return reader.records.flatMap((record) => (record.partition === partition ? [String(record.key)] : []));
  }
});
