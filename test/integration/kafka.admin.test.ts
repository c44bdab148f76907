import { describe, expect, test } from '@jest/globals';
import kafkajs from 'kafkajs';
import { KafkaAdmin } from '../../src/kafka/admin.js';
import { openKafka } from '../../src/kafka/connection.js';
import { PlainProducer } from '../../src/kafka/plain-producer.js';
import { silentLog } from '../../src/observe/log.js';
import { kafkaFixture, outgoing, RAW_OPTIONS } from '../support/kafka-fixture.js';
import { testServers } from '../support/servers.js';

const fixture = kafkaFixture();

describe('the admin', () => {
  test('makes the topics that are missing, with their settings, once, whoever else is making them', async () => {
    const names = [fixture.newName(), fixture.newName(), fixture.newName()];
    const specs = names.map((name) => ({ name, partitions: 3, config: { 'message.timestamp.type': 'LogAppendTime' } }));
    const other = new KafkaAdmin(fixture.kafka);
    await fixture.admin.ensureTopics(specs.slice(0, 1));
    const [mine, theirs] = await Promise.all([fixture.admin.ensureTopics(specs), other.ensureTopics(specs)]);
    expect([...mine.created, ...theirs.created].sort()).toEqual(names.slice(1).sort());
    expect(await other.describeTopics([...names, 't-missing-topic'])).toEqual(
      new Map(names.map((name) => [name, { partitions: 3 }])),
    );
    const raw = fixture.stranger.admin();
    await raw.connect();
    const { resources } = await raw.describeConfigs({
      resources: [
        { type: kafkajs.ConfigResourceTypes.TOPIC, name: names[2]!, configNames: ['message.timestamp.type'] },
      ],
      includeSynonyms: false,
    });
    expect(resources[0]!.configEntries[0]!.configValue).toBe('LogAppendTime');
    await raw.disconnect();
    await fixture.admin.deleteTopics([...names, 't-missing-topic']);
    await fixture.admin.deleteTopics(names);
    await other.close();
    await other.close();
  });

  test('takes a topic for deleted that somebody else deletes at the same time', async () => {
    const others = [new KafkaAdmin(fixture.kafka), new KafkaAdmin(fixture.kafka)];
    for (let round = 0; round < 5; round++) {
      const names = [fixture.newName(), fixture.newName()];
      await fixture.admin.ensureTopics(names.map((name) => ({ name, partitions: 1, config: {} })));
      const deleted = Promise.all([fixture.admin, ...others].map((admin) => admin.deleteTopics(names)));
      await expect(deleted).resolves.toHaveLength(3);
    }
    for (const admin of others) await admin.close();
  });

  test('tells where logs begin and end, and what a group committed', async () => {
    const topic = await fixture.newTopic(2);
    const producer = new PlainProducer(fixture.kafka);
    await producer.send([outgoing(topic, 1, 'a'), outgoing(topic, 1, 'b')]);
    await producer.close();
    expect(await fixture.admin.logRanges(topic)).toEqual(
      new Map([
        [0, { startOffset: 0, endOffset: 0 }],
        [1, { startOffset: 0, endOffset: 2 }],
      ]),
    );
    expect(await fixture.admin.logRange(topic, 1)).toEqual({ startOffset: 0, endOffset: 2 });
    const group = fixture.newName();
    expect(await fixture.admin.committed(group, topic, 1)).toBeNull();
    await expect(fixture.admin.logRange(topic, 2)).rejects.toMatchObject({ code: 'topic_mismatch' });
    await expect(fixture.admin.committed(group, topic, 2)).rejects.toMatchObject({ code: 'topic_mismatch' });
    await expect(fixture.admin.logRanges('t-missing-topic')).rejects.toMatchObject({ code: 'topic_mismatch' });
  });

  test('deletes a group, and does not mind one that is not there', async () => {
    const topic = await fixture.newTopic(1);
    const reader = fixture.reader({ topics: [topic] });
    await reader.source.start();
    await reader.source.commit([{ topic, partition: 0, nextOffset: 0 }]);
    await expect(fixture.admin.deleteGroup(reader.groupId)).rejects.toMatchObject({ code: 'kafka_failed' });
    await reader.source.stop();
    expect(await fixture.admin.committed(reader.groupId, topic, 0)).toMatchObject({ nextOffset: 0 });
    await fixture.admin.deleteGroup(reader.groupId);
    expect(await fixture.admin.committed(reader.groupId, topic, 0)).toBeNull();
    await fixture.admin.deleteGroup('t-missing-group');
  });

  test('names brokers that cannot be reached, within about 10 s', async () => {
    const kafka = openKafka({ brokers: ['127.0.0.1:1', '127.0.0.1:2'], ...RAW_OPTIONS }, silentLog);
    const admin = new KafkaAdmin(kafka);
    const begunAt = performance.now();
    const failure = await admin.describeTopics(['any']).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'kafka_unavailable' });
    expect((failure as Error).message).toContain('127.0.0.1:1, 127.0.0.1:2');
    expect(performance.now() - begunAt).toBeLessThan(14_000);
    await admin.close();
  }, 20_000);

  test('names a refused login', async () => {
    const { brokers } = testServers();
    const sasl = { mechanism: 'plain', username: 'nobody', password: 'nothing' } as const;
    const admin = new KafkaAdmin(openKafka({ ...RAW_OPTIONS, brokers, sasl }, silentLog));
    await expect(admin.describeTopics(['any'])).rejects.toMatchObject({ code: 'kafka_failed' });
    await admin.close();
  }, 20_000);

  test('goes on after an outage', async () => {
    const topic = await fixture.newTopic(1);
    const { gate, kafka } = await fixture.gated();
    const admin = new KafkaAdmin(kafka);
    expect((await admin.describeTopics([topic])).size).toBe(1);
    await gate.close();
    const asked = admin.logRange(topic, 0);
    await gate.open();
    expect(await asked).toEqual({ startOffset: 0, endOffset: 0 });
    await admin.close();
  }, 20_000);
});
