import { describe, expect, test } from '@jest/globals';
import { openKafka } from '../../src/kafka/connection.js';
import { PlainProducer } from '../../src/kafka/plain-producer.js';
import { silentLog } from '../../src/observe/log.js';
import type { OutgoingRecord } from '../../src/record.js';
import { kafkaFixture, outgoing, RAW_OPTIONS } from '../support/kafka-fixture.js';
import { until } from '../support/until.js';

const fixture = kafkaFixture();

async function write(records: readonly OutgoingRecord[]): Promise<void> {
  const producer = new PlainProducer(fixture.kafka);
  await producer.send(records);
  await producer.close();
}
const numbered = (topic: string, from: number, to: number, partition = 0): OutgoingRecord[] =>
  Array.from({ length: to - from }, (_, index) => outgoing(topic, partition, `m${from + index}`));
const names = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, index) => `m${from + index}`);

describe('a group source', () => {
  test('hands out every record once, in offset order, with all that it carries', async () => {
    const topic = await fixture.newTopic(2, { 'message.timestamp.type': 'LogAppendTime' });
    const beganAt = Date.now();
    const full: OutgoingRecord = {
      topic,
      partition: 1,
      key: Buffer.from('键'),
      value: Buffer.from([0, 255, 1]),
      headers: { one: Buffer.from('1'), two: [Buffer.from('2'), Buffer.alloc(0)] },
    };
    await write([
      ...numbered(topic, 0, 3000),
      full,
      { ...full, key: Buffer.alloc(0), value: Buffer.alloc(0), headers: {} },
    ]);
    const reader = fixture.reader({ topics: [topic] });
    await reader.source.start();
    await until('all records', () => reader.records.length >= 3002);
    expect(reader.owned(topic)).toEqual([0, 1]);
    const first = reader.records.filter(({ partition }) => partition === 0);
    expect(first.map(({ offset }) => offset)).toEqual(Array.from({ length: 3000 }, (_, offset) => offset));
    expect(first.map(({ value }) => value?.toString())).toEqual(names(0, 3000));
    const [one, two] = reader.records.filter(({ partition }) => partition === 1);
    expect(one).toEqual({ ...full, offset: 0, timestampMs: one!.timestampMs });
    expect(two).toMatchObject({ key: Buffer.alloc(0), value: Buffer.alloc(0), headers: {}, offset: 1 });
    expect(one!.timestampMs).toBeGreaterThanOrEqual(beganAt - 1000);
    expect(reader.batches.at(-1)).toMatchObject({ undecodable: [] });
    expect(reader.batches.find(({ partition }) => partition === 0)!.highWatermark).toBe(3000);
    await reader.source.stop();
  });

  test('started paused hands nothing out until resumed, and then begins where it was sought', async () => {
    const topic = await fixture.newTopic(2);
    await write([...numbered(topic, 0, 10), ...numbered(topic, 0, 10, 1)]);
    const reader = fixture.reader({ topics: [topic], startPaused: true });
    reader.onAssigned = () => reader.source.seek(topic, 1, 7); // as early as can be
    await reader.source.start();
    await write(numbered(topic, 10, 12));
    reader.source.resume(topic, 1);
    await until('the resumed partition', () => reader.records.length >= 3);
    expect(reader.records.map(({ partition, offset }) => [partition, offset])).toEqual([
      [1, 7],
      [1, 8],
      [1, 9],
    ]);
    const resumedAt = performance.now();
    reader.source.resume(topic, 0);
    await until('the other partition', () => reader.records.length >= 15);
    expect(performance.now() - resumedAt).toBeLessThan(1_000);
    expect(reader.values.slice(3)).toEqual(names(0, 12));
    await reader.source.stop();
  });

  test('hands nothing out between pause and resume, and loses nothing by it', async () => {
    const topic = await fixture.newTopic(1);
    const reader = fixture.reader({ topics: [topic], maxWaitMs: 20 });
    let paused = false;
    let duringPause = 0;
    reader.onBatch = () => {
      if (paused) duringPause += 1;
      paused = true;
      reader.source.pause(topic, 0);
      setTimeout(() => {
        paused = false;
        reader.source.resume(topic, 0);
      }, 15);
    };
    await reader.source.start();
    const producer = new PlainProducer(fixture.kafka);
    for (let sent = 0; sent < 400; sent += 10) await producer.send(numbered(topic, sent, sent + 10));
    await producer.close();
    await until('all records', () => reader.records.length >= 400, 20_000);
    expect(duringPause).toBe(0);
    expect(reader.batches.length).toBeGreaterThan(3);
    expect(reader.values).toEqual(names(0, 400));
    await reader.source.stop();
  });

  test('sought back in the middle of things hands out from there, and nothing stale', async () => {
    const topic = await fixture.newTopic(1);
    await write(numbered(topic, 0, 500));
    const reader = fixture.reader({ topics: [topic], maxBytesPerPartition: 2_000 });
    await reader.source.start();
    await until('half of it', () => reader.records.length >= 250);
    reader.source.seek(topic, 0, 100);
    const before = reader.records.length;
    await until('all again', () => reader.records.length >= before + 400, 20_000);
    expect(reader.values).toEqual([...names(0, before), ...names(100, 500)]);
    await reader.source.stop();
  });

  test('keeps pauses and seeks of one generation out of the next', async () => {
    const topic = await fixture.newTopic(4);
    await write([0, 1, 2, 3].flatMap((partition) => numbered(topic, 0, 5, partition)));
    const reader = fixture.reader({ topics: [topic], startPaused: true });
    await reader.source.start();
    for (const partition of [0, 1, 2, 3]) reader.source.seek(topic, partition, 4);
    const other = fixture.reader({ topics: [topic], groupId: reader.groupId, startPaused: true });
    await other.source.start();
    await until('the rejoin', () => reader.assignments.length === 2);
    for (const partition of reader.owned(topic)) reader.source.resume(topic, partition);
    await until('both partitions', () => reader.records.length >= 10);
    // From the beginning (nothing is committed), not from the seek of the generation before.
    expect(reader.records.filter(({ offset }) => offset === 0)).toHaveLength(2);
    // What the other one owns is none of its business.
    for (const partition of other.owned(topic)) reader.source.resume(topic, partition);
    await reader.source.stop();
    await other.source.stop();
    expect(reader.records).toHaveLength(10);
  });

  test('lets partitions stay with their owners when another member comes', async () => {
    const topic = await fixture.newTopic(6);
    const first = fixture.reader({ topics: [topic] });
    const second = fixture.reader({ topics: [topic], groupId: first.groupId });
    const third = fixture.reader({ topics: [topic], groupId: first.groupId });
    await first.source.start();
    await second.source.start();
    await until('two shares', () => first.owned(topic).length === 3);
    const shares = [first.owned(topic), second.owned(topic)];
    await third.source.start();
    await until('three shares', () => first.owned(topic).length === 2 && second.owned(topic).length === 2);
    for (const [index, reader] of [first, second].entries()) {
      expect(shares[index]).toEqual(expect.arrayContaining([...reader.owned(topic)]));
    }
    await Promise.all([first, second, third].map((reader) => reader.source.stop()));
  });
});

describe('committing', () => {
  test('keeps offset and metadata; nothing is ever committed but by commit', async () => {
    const topic = await fixture.newTopic(2);
    await write([...numbered(topic, 0, 50), ...numbered(topic, 0, 50, 1)]);
    const reader = fixture.reader({ topics: [topic] });
    await reader.source.start();
    await until('all records', () => reader.records.length >= 100);
    reader.source.seek(topic, 1, 3);
    await until('some again', () => reader.records.length >= 147);
    await reader.source.commit([{ topic, partition: 0, nextOffset: 20, metadata: 'watermark 7' }]);
    await reader.source.stop();
    expect(await fixture.admin.committed(reader.groupId, topic, 0)).toEqual({
      nextOffset: 20,
      metadata: 'watermark 7',
    });
    expect(await fixture.admin.committed(reader.groupId, topic, 1)).toBeNull();
    const next = fixture.reader({ topics: [topic], groupId: reader.groupId });
    await next.source.start();
    await until('the rest', () => next.records.length >= 80);
    expect(next.records.filter(({ partition }) => partition === 0)[0]!.offset).toBe(20);
    await next.source.stop();
  });

  test('leaves out partitions that are no longer owned, and is refused without membership', async () => {
    const topic = await fixture.newTopic(2);
    const reader = fixture.reader({ topics: [topic] });
    await expect(reader.source.commit([{ topic, partition: 0, nextOffset: 1 }])).resolves.toBeUndefined();
    await reader.source.start();
    const other = fixture.reader({ topics: [topic], groupId: reader.groupId });
    await other.source.start();
    await until('the rejoin', () => reader.owned(topic).length === 1);
    const [lost] = other.owned(topic);
    await reader.source.commit([{ topic, partition: lost!, nextOffset: 1 }]);
    await reader.source.stop();
    await expect(reader.source.commit([{ topic, partition: 1 - lost!, nextOffset: 1 }])).rejects.toMatchObject({
      code: 'kafka_failed',
    });
    expect(await fixture.admin.committed(reader.groupId, topic, lost!)).toBeNull();
    await other.source.stop();
  });

  test('refuses an offset that is no safe integer', async () => {
    const reader = fixture.reader({ topics: ['none'] });
    for (const nextOffset of [-1, 1.5, 2 ** 53, Number.NaN]) {
      await expect(reader.source.commit([{ topic: 'none', partition: 0, nextOffset }])).rejects.toThrow('invariant');
      expect(() => reader.source.seek('none', 0, nextOffset)).toThrow('invariant');
    }
  });
});

describe('what kafkajs would get wrong', () => {
  test('an offset that is not in the log is fatal, and the committed offset and its metadata stay', async () => {
    const topic = await fixture.newTopic(1);
    await write(numbered(topic, 0, 5));
    const former = fixture.reader({ topics: [topic] });
    const { groupId } = former;
    await former.source.start();
    await former.source.commit([{ topic, partition: 0, nextOffset: 9, metadata: 'keep me' }]);
    await former.source.stop();
    const reader = fixture.reader({ topics: [topic], groupId });
    await reader.source.start();
    await until('the end', () => reader.fatal.length > 0);
    expect(reader.fatal[0]).toMatchObject({ code: 'kafka_failed' });
    expect(reader.fatal[0]!.message).toContain(`offset 9 of partition 0 of ${topic} is not in its log`);
    await reader.source.stop();
    expect(await fixture.admin.committed(groupId, topic, 0)).toEqual({ nextOffset: 9, metadata: 'keep me' });
    expect(reader.records).toEqual([]);
  });

  test('records behind an open transaction are not skipped when it ends', async () => {
    const topic = await fixture.newTopic(1);
    await write(numbered(topic, 0, 3));
    const producer = fixture.stranger.producer({ transactionalId: fixture.newName(), maxInFlightRequests: 1 });
    await producer.connect();
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: [{ value: 'in the transaction' }] });
    await write(numbered(topic, 3, 6)); // above the last stable offset: not to be seen yet
    const reader = fixture.reader({ topics: [topic] });
    await reader.source.start();
    await until('what is stable', () => reader.records.length >= 3);
    // Fetches that bring nothing, while the high watermark is ahead.
    await expect(until('more', () => reader.records.length > 3, 400)).rejects.toThrow('in vain');
    expect(reader.values).toEqual(names(0, 3));
    await transaction.commit();
    await until('the rest', () => reader.records.length >= 7);
    expect(reader.values).toEqual([...names(0, 3), 'in the transaction', ...names(3, 6)]);
    await until('the marker', () => reader.passed.length > 0 || reader.batches.at(-1)!.nextOffset === 8);
    await producer.disconnect();
    await reader.source.stop();
  });

  test('a handler that throws ends the source, and kafkajs does not hear of it', async () => {
    const topic = await fixture.newTopic(1);
    await write(numbered(topic, 0, 3));
    const reader = fixture.reader({ topics: [topic] });
    reader.onBatch = () => {
      throw new TypeError('a bug');
    };
    await reader.source.start();
    await until('the end', () => reader.fatal.length > 0);
    expect(reader.fatal).toHaveLength(1);
    expect(reader.fatal[0]).toMatchObject({ code: 'invariant_broken', message: 'a handler threw: a bug' });
    await reader.source.stop();
  });
});

describe('starting and stopping', () => {
  test('a clean stop hands the partitions over at once', async () => {
    const topic = await fixture.newTopic(8);
    const first = fixture.reader({ topics: [topic] });
    const second = fixture.reader({ topics: [topic], groupId: first.groupId });
    await first.source.start();
    await second.source.start();
    await until('two shares', () => first.owned(topic).length === 4);
    const stoppedAt = performance.now();
    await first.source.stop();
    await until('all of it', () => second.owned(topic).length === 8);
    expect(performance.now() - stoppedAt).toBeLessThan(1_500);
    await second.source.stop();
  });

  test('a topic that is missing is named', async () => {
    const source = fixture.reader({ topics: ['t-missing-topic'] }).source;
    await expect(source.start()).rejects.toMatchObject({ code: 'topic_mismatch' });
    await expect(source.stop()).resolves.toBeUndefined();
  });

  test('brokers that cannot be reached are named, within about 10 s', async () => {
    const kafka = openKafka({ brokers: ['127.0.0.1:1', '127.0.0.1:2'], ...RAW_OPTIONS }, silentLog);
    const { source } = fixture.reader({ topics: ['any'] }, kafka);
    const begunAt = performance.now();
    const failure = await source.start().catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'kafka_unavailable' });
    expect((failure as Error).message).toContain('127.0.0.1:1, 127.0.0.1:2');
    expect(performance.now() - begunAt).toBeLessThan(14_000);
  }, 20_000);

  test('stops before it starts, twice, and while it starts', async () => {
    const topic = await fixture.newTopic(1);
    const never = fixture.reader({ topics: [topic] }).source;
    await never.stop();
    await never.stop();
    const reader = fixture.reader({ topics: [topic] });
    const starting = reader.source.start().catch((error: unknown) => error);
    await reader.source.stop();
    expect(await starting).toMatchObject({ code: 'kafka_failed' });
    const alive = fixture.reader({ topics: [topic], groupId: reader.groupId });
    await alive.source.start();
    expect(alive.owned(topic)).toEqual([0]);
    await alive.source.stop();
  });

  test('a member that stops in the middle of a join leaves nobody behind', async () => {
    const topic = await fixture.newTopic(2);
    // Hears of a rebalance late, so that the newcomer's join hangs.
    const slow = fixture.reader({ topics: [topic], heartbeatIntervalMs: 4_000, sessionTimeoutMs: 20_000 });
    await slow.source.start();
    const newcomer = fixture.reader({ topics: [topic], groupId: slow.groupId, sessionTimeoutMs: 20_000 });
    void newcomer.source.start().catch(() => undefined);
    const admin = fixture.stranger.admin();
    await admin.connect();
    const membersNow = async (): Promise<number> =>
      (await admin.describeGroups([slow.groupId])).groups[0]!.members.length;
    await until('the join', async () => (await membersNow()) === 2);
    const stoppedAt = performance.now();
    await newcomer.source.stop();
    expect(performance.now() - stoppedAt).toBeLessThan(2_500);
    expect(await membersNow()).toBe(1);
    await until('peace', () => slow.owned(topic).length === 2, 8_000);
    await slow.source.stop();
    await admin.disconnect();
  }, 20_000);
});
