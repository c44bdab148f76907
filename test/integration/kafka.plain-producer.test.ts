import { describe, expect, test } from '@jest/globals';
import { PlainProducer } from '../../src/kafka/plain-producer.js';
import { silentLog } from '../../src/observe/log.js';
import type { KafkaRecord } from '../../src/record.js';
import { kafkaFixture, outgoing } from '../support/kafka-fixture.js';
import { until } from '../support/until.js';

const fixture = kafkaFixture();

async function read(topic: string, count: number): Promise<KafkaRecord[]> {
  const reader = fixture.reader({ topics: [topic] });
  await reader.source.start();
  await until(`${count} records`, () => reader.records.length >= count);
  await reader.source.stop();
  return reader.records;
}

describe('a plain producer', () => {
  test('writes concurrent sends each once and in the order of the calls', async () => {
    const topic = await fixture.newTopic(2);
    const producer = new PlainProducer(fixture.kafka);
    const sends = Array.from({ length: 100 }, (_, turn) =>
      producer.send(Array.from({ length: 50 }, (_, index) => outgoing(topic, index % 2, `${turn * 50 + index}`))),
    );
    await Promise.all(sends);
    await producer.close();
    const records = await read(topic, 5_000);
    for (const partition of [0, 1]) {
      const there = records.filter((record) => record.partition === partition).map(({ value }) => Number(value));
      expect(there).toEqual(Array.from({ length: 2_500 }, (_, index) => index * 2 + partition));
    }
  });

  test('splits what is too large for one batch of one partition', async () => {
    const topic = await fixture.newTopic(1);
    const producer = new PlainProducer(fixture.kafka);
    await producer.send(Array.from({ length: 12_000 }, (_, index) => outgoing(topic, 0, `${index}`.padEnd(350, '.'))));
    await producer.close();
    const records = await read(topic, 12_000);
    expect(records.map(({ value }) => Number.parseInt(value!.toString(), 10))).toEqual([...records.keys()]);
  });

  test('tells where each record lies, however many a batch and a send have', async () => {
    const topic = await fixture.newTopic(2);
    const told: string[] = [];
    const producer = new PlainProducer(fixture.kafka, silentLog, ({ partition, firstOffset, count }) => {
      for (let n = 0; n < count; n++) told.push(`${partition}:${firstOffset + n}`);
    });
    await producer.send(Array.from({ length: 30 }, (_, index) => outgoing(topic, index % 2, `${index}`)));
    await producer.send([outgoing(topic, 1, 'x'.repeat(600_000)), outgoing(topic, 1, 'y'.repeat(600_000))]);
    await producer.close();
    const there = (await read(topic, 32)).map(({ partition, offset }) => `${partition}:${offset}`);
    expect(told.sort()).toEqual(there.sort());
  });

  test('sends nothing for nothing', async () => {
    const producer = new PlainProducer(fixture.kafka);
    await expect(producer.send([])).resolves.toBeUndefined();
    await producer.close();
    await producer.close();
    await expect(producer.send([])).rejects.toMatchObject({ code: 'kafka_failed' });
  });

  test('after a failure refuses until it is reset, and then goes on under a new identity', async () => {
    const topic = await fixture.newTopic(1);
    const { gate, kafka } = await fixture.gated();
    const producer = new PlainProducer(kafka);
    await producer.send([outgoing(topic, 0, 'first')]);
    await gate.close();
    await expect(producer.send([outgoing(topic, 0, 'second')])).rejects.toMatchObject({ code: 'kafka_unavailable' });
    await gate.open();
    await expect(producer.send([outgoing(topic, 0, 'third')])).rejects.toMatchObject({ code: 'kafka_failed' });
    await producer.reset();
    await producer.send([outgoing(topic, 0, 'second'), outgoing(topic, 0, 'third')]);
    await producer.close();
    const values = (await read(topic, 3)).map(({ value }) => value?.toString());
    expect(values).toEqual(['first', 'second', 'third']);
  }, 60_000);

  test('lets go of a send that hangs when it is reset', async () => {
    const topic = await fixture.newTopic(1);
    const { gate, kafka } = await fixture.gated();
    const producer = new PlainProducer(kafka);
    await producer.send([outgoing(topic, 0, 'first')]);
    gate.swallowAnswers();
    const hanging = producer.send([outgoing(topic, 0, 'second')]).catch((error: unknown) => error);
    const begunAt = performance.now();
    await producer.reset();
    expect(performance.now() - begunAt).toBeLessThan(5_000);
    expect(await hanging).toMatchObject({ name: 'InorderError' });
    gate.cutConnections();
    await producer.send([outgoing(topic, 0, 'third')]);
    await producer.close();
    expect((await read(topic, 2)).at(-1)!.value?.toString()).toBe('third');
  }, 30_000);

  test('a topic that is missing, and a record that the broker finds too large, are refusals and no outage', async () => {
    const producer = new PlainProducer(fixture.kafka);
    await expect(producer.send([outgoing('t-missing-topic', 0, 'm')])).rejects.toMatchObject({
      code: 'topic_mismatch',
    });
    await producer.reset();
    const topic = await fixture.newTopic(1, { 'max.message.bytes': '2000' });
    await expect(producer.send([outgoing(topic, 0, 'm'.repeat(5_000))])).rejects.toMatchObject({
      code: 'kafka_failed',
    });
    await producer.close();
  }, 60_000);
});
