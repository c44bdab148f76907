/** The delivery topic as it lies in a real log: aborted and open transactions are seen as such, at rest and live. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Producer } from 'kafkajs';
import { checkEvidence } from '../../src/check/check-evidence.js';
import { deliveryIn } from '../../src/check/readers/record-texts.js';
import type { Evidence } from '../../src/check/evidence.js';
import { PartitionLogReader, type LoggedRecord } from '../../src/kafka/partition-log.js';
import { topicNames } from '../../src/protocol/topics.js';
import { testTopicPrefix } from '../support/isolation.js';
import { kafkaFixture } from '../support/kafka-fixture.js';
import { testServers } from '../support/servers.js';
import { InorderProcess } from '../support/stage-process.js';
import { until } from '../support/until.js';

const fixture = kafkaFixture();
const prefix = testTopicPrefix();
const topics = topicNames(prefix);
let producer: Producer;
let logs: PartitionLogReader;
let live: InorderProcess | null = null;

beforeAll(async () => {
  logs = new PartitionLogReader(fixture.kafka);
  const admin = fixture.stranger.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: topics.delivery, numPartitions: 1 }] });
  await admin.disconnect();
  const retry = { initialRetryTime: 20, retries: 50 };
  producer = fixture.stranger.producer({ transactionalId: prefix, idempotent: true, maxInFlightRequests: 1, retry });
  await producer.connect();
});

afterAll(async () => {
  await live?.kill();
  await logs.close();
  await producer.disconnect();
  await fixture.admin.deleteTopics([topics.delivery]);
});

function said(seq: number, msgId: string, clientMsgId = `c${seq}`): { key: string; value: string } {
  const message = { conversationId: 'group:g', seq, msgId, senderId: 'u', clientMsgId, sentAt: 1, late: false };
  return { key: 'group:g', value: JSON.stringify({ ...message, receivedAt: 2, stampedAt: 3, body: 'x' }) };
}

async function begin(...messages: readonly { key: string; value: string }[]) {
  const transaction = await producer.transaction();
  await transaction.send({ topic: topics.delivery, messages: [...messages] });
  return transaction;
}

test('a stamp that an aborted copy showed and a later one changed is found, and a transaction that hangs', async () => {
  const { delivery: topic } = topics;
  const env = { KAFKA_BROKERS: testServers().brokers.join(','), INORDER_TOPIC_PREFIX: prefix };
  live = new InorderProcess(['check', '--live', '--json'], env);
  await live.printed(/"kind":"watching"/);

  await (await begin(said(1, '4096'))).commit();
  await (await begin(said(2, '8192'))).abort();
  await (await begin(said(2, '8193'))).commit();
  await live.printed(/"kind":"violation".*stamp-immutable|stamp-immutable.*"kind":"violation"/);
  const open = await begin(said(3, '12288'));

  const ends = await logs.ends(topic, 0, 0);
  const records: LoggedRecord[] = [];
  for await (const batch of logs.read(topic, 0, 0, ends.endOffset)) records.push(...batch);
  expect(records.map(({ outcome }) => outcome)).toEqual(['committed', 'aborted', 'committed', 'open']);
  expect(new Set(records.map(({ transaction }) => transaction)).size).toBe(4);

  expect(ends.stableOffset).toBe(records[3]?.record.offset);
  expect(ends.openSinceMs).not.toBeNull();
  const evidence: Evidence = {
    topics,
    partitions: [0],
    delivery: () => [records.map(({ record, outcome, transaction }) => deliveryIn(record, outcome, transaction))],
    hasAbortedCopies: true,
    logEnds: [{ topic, partition: 0, ...ends, openForMs: 0 }],
    isDrained: true,
  };
  const { outcomes } = await checkEvidence(evidence);
  const failed = outcomes.filter(({ answer }) => answer === 'fail').map(({ rule }) => rule);
  expect(failed).toEqual(['stamp-immutable', 'no-open-transaction']);

  await open.commit(); // answered before the broker has written the end of it
  await until('the end of the transaction', async () => (await logs.ends(topic, 0, 0)).openSinceMs === null);

  const { metrics } = JSON.parse(live.stdout.split('\n', 1)[0] ?? '{}') as { metrics: string };
  const scraped = await (await fetch(metrics)).text();
  expect(scraped).toContain('inorder_check_violations_total{rule="stamp-immutable"} 1');
  live.signal('SIGINT');
  expect(await live.exit).toMatchObject({ code: 1 });
  const verdict = JSON.parse(live.stdout.trim().split('\n').at(-1) ?? '{}') as { kind: string; answer: string };
  expect(verdict).toMatchObject({ kind: 'verdict', answer: 'fail' });
}, 60_000);
