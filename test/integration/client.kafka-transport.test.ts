import { expect, test } from '@jest/globals';
import { MemorySequenceStore } from '../../src/client/memory-sequence-store.js';
import { openKafkaTransport } from '../../src/client/node/kafka-transport.js';
import { Sender } from '../../src/client/sender.js';
import type { Envelope } from '../../src/protocol/message.js';
import { parseEnvelope } from '../../src/protocol/parse-envelope.js';
import { pipelineTopics } from '../support/pipeline-topics.js';

const makeTopics = pipelineTopics();

test('senders over Kafka: every message once, a conversation in one partition and in the order sent', async () => {
  const { prefix, options, topics, readAll } = await makeTopics(3);
  const transport = await openKafkaTransport({ kafka: options, topicPrefix: prefix });
  const sendersCount = 4;
  const results = await Promise.all(
    Array.from({ length: sendersCount }, async (_, at) => {
      const sender = new Sender({
        senderId: `sender-${at}`,
        sequence: new MemorySequenceStore(),
        transport: transport.send,
      });
      const sending = Array.from({ length: 60 }, (_message, n) =>
        n % 2 === 0 ? sender.send({ group: `g${n % 3}`, body: n }) : sender.send({ to: `peer-${n % 5}`, body: n }),
      );
      const sent = await Promise.all(sending);
      await sender.close();
      return sent;
    }),
  );
  await transport.close();
  expect(results.flat().map(({ kind }) => kind)).toEqual(Array.from({ length: 60 * sendersCount }, () => 'sent'));

  const partitionOf = new Map<string, number>();
  const last = new Map<string, Envelope>();
  const records = await readAll(topics.ingest);
  expect(records).toHaveLength(60 * sendersCount);
  for (const { value, key, partition } of records) {
    const parsed = parseEnvelope(value, { maxValueBytes: 262_144 });
    if (!parsed.ok) throw new Error(parsed.detail);
    const { conversationId, senderId, senderSeq, prevSenderSeq } = parsed.envelope;
    expect(key?.toString()).toBe(conversationId);
    expect(partitionOf.get(conversationId) ?? partition).toBe(partition);
    partitionOf.set(conversationId, partition);
    const line = `${conversationId} ${senderId}`;
    expect(prevSenderSeq).toBe(last.get(line)?.senderSeq ?? 0);
    expect(senderSeq).toBeGreaterThan(prevSenderSeq!);
    last.set(line, parsed.envelope);
  }
  expect(new Set(partitionOf.values()).size).toBe(3);
});

test('a topic that is missing is named', async () => {
  const { options } = await makeTopics(1);
  await expect(openKafkaTransport({ kafka: options, topicPrefix: 'nobody' })).rejects.toMatchObject({
    code: 'topic_mismatch',
    message: 'Kafka has no topic nobody.ingest; `inorder topics` creates it',
  });
});
