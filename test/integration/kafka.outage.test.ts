import { describe, expect, test } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { PlainProducer } from '../../src/kafka/plain-producer.js';
import { kafkaFixture, outgoing } from '../support/kafka-fixture.js';
import { until } from '../support/until.js';

const fixture = kafkaFixture();
/** Longer than kafkajs retries (6 s) and than the session (6 s): the membership is lost, and the consumer gives up. */
const OUTAGE_MS = 11_000;

async function write(topic: string, from: number, to: number): Promise<void> {
  const producer = new PlainProducer(fixture.kafka);
  await producer.send(Array.from({ length: to - from }, (_, index) => outgoing(topic, 0, `${from + index}`)));
  await producer.close();
}

describe('while no broker answers', () => {
  test('a source waits as long as it takes, and then reads on from what was committed', async () => {
    const topic = await fixture.newTopic(1);
    const { gate, kafka } = await fixture.gated();
    const reader = fixture.reader({ topics: [topic] }, kafka);
    await write(topic, 0, 5);
    await reader.source.start();
    await until('the first records', () => reader.records.length >= 5);
    await reader.source.commit([{ topic, partition: 0, nextOffset: 5 }]);
    await gate.close();
    await write(topic, 5, 10);
    await expect(reader.source.commit([{ topic, partition: 0, nextOffset: 5 }])).rejects.toMatchObject({
      name: 'InorderError',
    });
    await delay(OUTAGE_MS);
    expect(reader.fatal).toEqual([]);
    await gate.open();
    await until('the other records', () => reader.records.length >= 10, 20_000);
    expect(reader.values).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    expect(reader.assignments.length).toBeGreaterThan(1);
    await reader.source.stop();
  }, 60_000);

  test('a cut that is over at once loses nothing and doubles nothing', async () => {
    const topic = await fixture.newTopic(1);
    const { gate, kafka } = await fixture.gated();
    const reader = fixture.reader({ topics: [topic] }, kafka);
    await write(topic, 0, 5);
    await reader.source.start();
    for (let turn = 1; turn <= 4; turn += 1) {
      await until('what was written', () => reader.records.length >= turn * 5);
      await reader.source.commit([{ topic, partition: 0, nextOffset: turn * 5 }]);
      gate.cutConnections();
      await write(topic, turn * 5, turn * 5 + 5);
    }
    await until('all', () => reader.records.length >= 25);
    expect(reader.values).toEqual(Array.from({ length: 25 }, (_, index) => `${index}`));
    await reader.source.stop();
  }, 60_000);

  test.each(['refused', 'swallowed'])(
    'a stop is bounded: connections %s',
    async (kind) => {
      const topic = await fixture.newTopic(1);
      const { gate, kafka } = await fixture.gated();
      const reader = fixture.reader({ topics: [topic] }, kafka);
      await reader.source.start();
      if (kind === 'refused') await gate.close();
      else gate.swallowAnswers();
      await delay(1_500); // into kafkajs' retries, or with a request under way
      const stoppedAt = performance.now();
      await reader.source.stop();
      expect(performance.now() - stoppedAt).toBeLessThan(5_000);
    },
    30_000,
  );

  test('a stop during the wait for the next attempt is as quick', async () => {
    const topic = await fixture.newTopic(1);
    const { gate, kafka } = await fixture.gated();
    const reader = fixture.reader({ topics: [topic] }, kafka);
    await reader.source.start();
    await gate.close();
    await delay(OUTAGE_MS);
    const stoppedAt = performance.now();
    await reader.source.stop();
    expect(performance.now() - stoppedAt).toBeLessThan(5_000);
    expect(reader.fatal).toEqual([]);
  }, 40_000);
});
