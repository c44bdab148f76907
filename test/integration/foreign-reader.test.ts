/** The clients that judge us are judged, too: each of them shows a stranger's committed view, to its end. */
import { expect, test } from '@jest/globals';
import { kafkaFixture } from '../support/kafka-fixture.js';
import { readWithForeignClient } from '../support/foreign-reader.js';
import { testServers } from '../support/servers.js';

const fixture = kafkaFixture();

test("Kafka's own client, which reads where kcat is not installed, shows what was committed and nothing else", async () => {
  const topic = await fixture.newTopic(2);
  const producer = fixture.stranger.producer({ transactionalId: fixture.newName(), maxInFlightRequests: 1 });
  await producer.connect();
  for (const [value, isKept] of [
    ['a "\\"', true],
    ['aborted', false],
    ['好的', true],
  ] as const) {
    const transaction = await producer.transaction();
    const messages = [0, 1].map((partition) => ({ partition, key: 'k', value }));
    await transaction.send({ topic, messages });
    await (isKept ? transaction.commit() : transaction.abort());
  }
  await producer.disconnect();
  const records = await readWithForeignClient(testServers().brokers, topic, 'java');
  for (const partition of [0, 1]) {
    const there = records.filter((record) => record.partition === partition);
    expect(there.map(({ key, value, offset }) => [key, value, offset])).toEqual([
      ['k', 'a "\\"', 0],
      ['k', '好的', 4],
    ]);
  }
}, 60_000);
