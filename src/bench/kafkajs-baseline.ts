/** The ceiling: kafkajs as anybody would use it, nothing of ours around it. The one place outside kafka/ that may. */
import kafkajs from 'kafkajs';
import type { KafkaOptions } from '../kafka/options.js';
import type { OutgoingRecord } from '../record.js';

const MESSAGES_PER_SEND = 4_000;

/** Messages a second that kafkajs alone produces: acks from all replicas, one `sendBatch` at a time. */
export async function kafkajsProduceRate(options: KafkaOptions, records: readonly OutgoingRecord[]): Promise<number> {
  const { brokers, ssl, sasl } = options;
  const kafka = new kafkajs.Kafka({
    brokers: [...brokers],
    ssl,
    ...(sasl === null ? {} : { sasl: sasl as kafkajs.SASLOptions }),
    clientId: 'inorder-bench',
    logLevel: kafkajs.logLevel.NOTHING,
  });
  const producer = kafka.producer({
    allowAutoTopicCreation: false,
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  try {
    const beganMs = performance.now();
    for (let from = 0; from < records.length; from += MESSAGES_PER_SEND) {
      await producer.sendBatch({ topicMessages: byTopic(records.slice(from, from + MESSAGES_PER_SEND)), acks: -1 });
    }
    return (records.length / (performance.now() - beganMs)) * 1000;
  } finally {
    await producer.disconnect();
  }
}

function byTopic(records: readonly OutgoingRecord[]): kafkajs.TopicMessages[] {
  const topics = new Map<string, kafkajs.Message[]>();
  for (const { topic, partition, key, value } of records) {
    const messages = topics.get(topic) ?? [];
    messages.push({ partition, key, value });
    topics.set(topic, messages);
  }
  return [...topics].map(([topic, messages]) => ({ topic, messages }));
}
