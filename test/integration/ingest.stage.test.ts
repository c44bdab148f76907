import { afterEach, expect, jest, test } from '@jest/globals';
import kafkajs from 'kafkajs';
import { systemClock } from '../../src/clock/clock.js';
import { GroupSource } from '../../src/kafka/group-source.js';
import { partitionOf } from '../../src/kafka/partitioner.js';
import { PlainProducer } from '../../src/kafka/plain-producer.js';
import { silentLog } from '../../src/observe/log.js';
import { silentMetrics } from '../../src/observe/metrics.js';
import { parseDeadLetter } from '../../src/protocol/dead-letter.js';
import { decodeLogicRecord } from '../../src/protocol/logic-record.js';
import type { KafkaRecord, OutgoingRecord } from '../../src/record.js';
import { INGEST_LIMITS, IngestStage } from '../../src/stages/ingest/ingest-stage.js';
import { ingestMetrics } from '../../src/stages/ingest/metrics.js';
import { RecordRouter } from '../../src/stages/ingest/route-record.js';
import type { RecordProducer } from '../../src/stages/ports.js';
import { BAD_RECORDS } from '../../src/workload/bad-records.js';
import { SeededRandom } from '../../src/workload/random.js';
import { kafkaFixture } from '../support/kafka-fixture.js';
import { pipelineTopics, type PipelineTopics } from '../support/pipeline-topics.js';
import { until } from '../support/until.js';

jest.setTimeout(60_000);

const newTopics = pipelineTopics();
const fixture = kafkaFixture();
const stages: IngestStage[] = [];

afterEach(async () => {
  await Promise.all(stages.splice(0).map((stage) => stage.stop(0)));
});

interface StageOverrides {
  readonly producer?: RecordProducer;
  readonly maxBatchBytes?: number;
}

function openStage(on: PipelineTopics, { producer, maxBatchBytes }: StageOverrides = {}): IngestStage {
  const { kafka, topics, groupId } = on;
  const stage = new IngestStage({
    topic: topics.ingest,
    openSource: (handlers) =>
      new GroupSource(
        kafka,
        {
          ...{ groupId, topics: [topics.ingest], fromBeginning: true, startPaused: false },
          ...{ sessionTimeoutMs: 6_000, heartbeatIntervalMs: 200, rebalanceTimeoutMs: 10_000 },
          ...{ maxWaitMs: 20, maxBytesPerPartition: 32_768, maxBytes: 1024 * 1024 },
          ...{ onUndecodable: 'hand_out' as const, ...(maxBatchBytes === undefined ? {} : { maxBatchBytes }) },
        },
        handlers,
        silentLog,
      ),
    producer: producer ?? new PlainProducer(kafka),
    router: new RecordRouter({
      logicTopic: topics.logic,
      logicPartitions: 3,
      dlqTopic: topics.dlq,
      dlqPartitions: 3,
      maxValueBytes: 4_096,
      maxLogicRecordBytes: 100_000,
      maxDeadLetterBytes: 200_000,
      clock: systemClock,
      log: silentLog,
    }),
    limits: INGEST_LIMITS,
    clock: systemClock,
    log: silentLog,
    metrics: ingestMetrics(silentMetrics),
    onFatal: (error) => {
      throw error;
    },
  });
  stages.push(stage);
  return stage;
}

function envelope(n: number): string {
  const fields = { senderId: `s${n % 7}`, groupId: `g${n % 20}`, clientMsgId: `m${n}`, sentAt: 1_700_000_000_000 + n };
  return JSON.stringify({ ...fields, body: { text: `message ${n}` } });
}

function record(topic: string, partition: number, value: Buffer | string | null, extra: Partial<OutgoingRecord> = {}) {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  return { topic, partition, key: Buffer.from('k'), value: bytes, headers: {}, ...extra };
}

/** Places in `im.ingest` in the order in which they first appear in each partition of `im.logic`. */
function firstAppearances(logic: readonly KafkaRecord[]): { partition: number; offset: number; in: number }[] {
  const seen = new Set<string>();
  const places = [];
  for (const found of logic) {
    const decoded = decodeLogicRecord(found);
    if (!decoded.ok) throw new Error(decoded.detail);
    const { partition, offset } = decoded.incoming.place;
    if (seen.has(`${partition}/${offset}`)) continue;
    seen.add(`${partition}/${offset}`);
    places.push({ partition, offset, in: found.partition });
  }
  return places;
}

function expectInOrder(places: ReturnType<typeof firstAppearances>): void {
  const last = new Map<string, number>();
  for (const place of places) {
    const way = `${place.partition} to ${place.in}`;
    expect(place.offset).toBeGreaterThan(last.get(way) ?? -1);
    last.set(way, place.offset);
  }
}

test('good records go to the partition of their conversation, every kind of bad one to the dead letters, none nowhere', async () => {
  const on = await newTopics(3);
  const { topics } = on;
  const sound = { senderId: '"a"', groupId: '"g"', clientMsgId: '"m"', sentAt: '1', body: '"hello"' };
  const random = new SeededRandom(1);
  const bad = BAD_RECORDS.map(({ make, reason }) => ({ reason, value: make(sound, random, 4_096) }));
  const headers = { traceparent: Buffer.from('00-1'), 'inorder-dlq-reason': Buffer.from('forged') };
  const records = [
    ...bad.map(({ value }) => record(topics.ingest, 0, value, { headers })),
    ...Array.from({ length: 500 }, (_, n) => record(topics.ingest, n % 3, envelope(n))),
    record(topics.ingest, 1, envelope(500), { key: Buffer.alloc(150_000, 'k') }),
  ];
  await on.produce(records);
  const stage = openStage(on);
  await stage.start();
  await until('everything is committed', async () => (await on.lagOf(topics.ingest)) === 0);
  await stage.stop(5_000);

  const logic = await on.readAll(topics.logic);
  const places = firstAppearances(logic);
  expect(places).toHaveLength(500);
  expectInOrder(places);
  for (const { key, partition } of logic) expect(partition).toBe(partitionOf(key ?? Buffer.alloc(0), 3));

  const letters = (await on.readAll(topics.dlq)).map((letter) => ({ ...letter, parsed: parseDeadLetter(letter) }));
  const ofBad = letters.filter(({ partition }) => partition === 0);
  expect(ofBad.map(({ parsed }) => parsed?.reason)).toEqual(bad.map(({ reason }) => reason));
  expect(ofBad.map(({ value }) => value)).toEqual(bad.map(({ value }) => value));
  expect(ofBad.map(({ parsed }) => parsed?.place)).toEqual(bad.map((_, offset) => ({ partition: 0, offset })));
  for (const { parsed } of ofBad) {
    expect(parsed?.topic).toBe(topics.ingest);
    expect(parsed?.record.headers).toEqual({ traceparent: Buffer.from('00-1') });
  }
  const others = letters.filter(({ partition }) => partition !== 0);
  expect(others.map(({ parsed }) => [parsed?.reason, parsed?.record.key?.length])).toEqual([['too_large', 150_000]]);
});

test('a batch too large to unpack is one dead letter with its bytes, and the partition goes on', async () => {
  const on = await newTopics(3);
  const { topics } = on;
  const outsider = new kafkajs.Kafka({
    brokers: [...on.options.brokers],
    logLevel: kafkajs.logLevel.NOTHING,
  }).producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await outsider.connect();
  const bomb = [0, 1].map(() => ({ partition: 0, value: Buffer.alloc(400_000, 'x') }));
  await outsider.send({ topic: topics.ingest, compression: kafkajs.CompressionTypes.GZIP, messages: bomb });
  await outsider.send({ topic: topics.ingest, messages: [{ partition: 0, value: envelope(1) }] });
  await outsider.disconnect();
  const stage = openStage(on, { maxBatchBytes: 500_000 });
  await stage.start();
  await until('everything is committed', async () => (await on.lagOf(topics.ingest)) === 0);
  await stage.stop(5_000);
  expect(firstAppearances(await on.readAll(topics.logic))).toMatchObject([{ partition: 0, offset: 2 }]);
  const [letter, ...more] = await on.readAll(topics.dlq);
  if (letter === undefined) throw new Error('no dead letter');
  expect(more).toEqual([]);
  expect(parseDeadLetter(letter)).toMatchObject({ reason: 'undecodable_batch', place: { partition: 0, offset: 0 } });
  expect(letter.value?.length).toBeGreaterThan(500);
});

test('two members share the partitions, one joins late, one leaves under load: nothing is lost, and order holds', async () => {
  const on = await newTopics(3);
  const { topics } = on;
  const produced = 6_000;
  const first = openStage(on);
  const second = openStage(on);
  const produce = async (): Promise<void> => {
    for (let n = 0; n < produced; n += 100) {
      await on.produce(Array.from({ length: 100 }, (_, i) => record(topics.ingest, (n + i) % 3, envelope(n + i))));
    }
  };
  await first.start();
  const producing = produce();
  await second.start();
  await producing;
  await first.stop(5_000);
  const producingMore = produce();
  await until('everything is committed', async () => (await on.lagOf(topics.ingest)) === 0, 30_000);
  await producingMore;
  await until('the rest is committed', async () => (await on.lagOf(topics.ingest)) === 0, 30_000);
  await second.stop(5_000);
  const places = firstAppearances(await on.readAll(topics.logic));
  expect(places).toHaveLength(2 * produced);
  expectInOrder(places);
});

test('sends whose outcome is unknown, written or not, are repeated: nothing is lost, and order holds', async () => {
  const on = await newTopics(3);
  const { topics, kafka } = on;
  const real = new PlainProducer(kafka);
  let sendCount = 0;
  const failed = { before: 0, after: 0 };
  const producer: RecordProducer = {
    send: async (records) => {
      sendCount += 1;
      if (sendCount % 3 === 1) {
        failed.before += 1;
        throw new Error('planted: not sent');
      }
      await real.send(records);
      if (sendCount % 3 === 2) {
        failed.after += 1;
        throw new Error('planted: sent, no answer');
      }
    },
    reset: () => real.reset(),
    close: () => real.close(),
  };
  await on.produce(Array.from({ length: 3_000 }, (_, n) => record(topics.ingest, n % 3, envelope(n))));
  const stage = openStage(on, { producer });
  await stage.start();
  await until('everything is committed', async () => (await on.lagOf(topics.ingest)) === 0, 30_000);
  await stage.stop(5_000);
  expect(Math.min(failed.before, failed.after)).toBeGreaterThan(0);
  const places = firstAppearances(await on.readAll(topics.logic));
  expect(places).toHaveLength(3_000);
  expectInOrder(places);
});

test('a stop in the middle commits what was acknowledged, and the next owner goes on there', async () => {
  const on = await newTopics(3);
  const { topics } = on;
  await on.produce(Array.from({ length: 20_000 }, (_, n) => record(topics.ingest, n % 3, envelope(n))));
  const first = openStage(on);
  await first.start();
  await until('something is committed', async () => (await on.lagOf(topics.ingest)) < 20_000);
  await first.stop(5_000);
  expect(first.health()).toEqual({ ready: false, reasons: ['ingest: is stopped'] });
  const sentByFirst = (await on.readAll(topics.logic)).length;
  const committed = 20_000 - (await on.lagOf(topics.ingest));
  expect(committed).toBe(sentByFirst);
  const second = openStage(on);
  await second.start();
  await until('everything is committed', async () => (await on.lagOf(topics.ingest)) === 0, 30_000);
  await second.stop(5_000);
  const logic = await on.readAll(topics.logic);
  expect(logic).toHaveLength(20_000);
  expectInOrder(firstAppearances(logic));
});

test('connections cut in the middle, and Kafka away for a while: nothing is lost, and order holds', async () => {
  const on = await newTopics(3);
  const { topics } = on;
  const { gate, kafka } = await fixture.gated();
  const stage = openStage({ ...on, kafka });
  let produced = 0;
  const produce = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n += 100) {
      const from = produced;
      produced += 100;
      await on.produce(Array.from({ length: 100 }, (_, i) => record(topics.ingest, i % 3, envelope(from + i))));
    }
  };
  await stage.start();
  for (let cut = 0; cut < 5; cut++) {
    const producing = produce(600);
    await until('some of it has gone through', async () => (await on.lagOf(topics.ingest)) < produced);
    gate.cutConnections();
    await producing;
    await until('the rest is committed', async () => (await on.lagOf(topics.ingest)) === 0, 20_000);
  }
  const producing = produce(600);
  await gate.close();
  await producing;
  await gate.open();
  await until('everything is committed', async () => (await on.lagOf(topics.ingest)) === 0, 30_000);
  await stage.stop(5_000);
  const places = firstAppearances(await on.readAll(topics.logic));
  expect(places).toHaveLength(produced);
  expectInOrder(places);
});
