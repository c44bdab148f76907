import { topicSpecs, type TopicSpec } from '../config/topics.js';
import type { Settings } from '../config/settings.js';
import { InorderError } from '../errors.js';
import type { KafkaAdmin } from '../kafka/admin.js';

export interface TopicState {
  readonly spec: TopicSpec;
  readonly partitions: number;
  readonly created: boolean;
}

/**
 * Creates the topics that are missing. Where nobody asked for a number of partitions, new ones get as many as those
 * that exist. @throws InorderError topic_mismatch where somebody asked for another number than there is
 */
export async function ensureTopics(admin: KafkaAdmin, settings: Settings): Promise<readonly TopicState[]> {
  const { topics, maxValueBytes, partitionsIsDefault } = settings;
  const names = Object.values(topics);
  const before = await admin.describeTopics(names);
  const existing = before.get(topics.logic) ?? before.get(topics.delivery) ?? before.get(topics.ingest);
  const partitions = partitionsIsDefault ? (existing?.partitions ?? settings.partitions) : settings.partitions;
  for (const name of [topics.logic, topics.delivery]) {
    const found = before.get(name)?.partitions;
    if (found === undefined || found === partitions) continue;
    throw new InorderError(
      'topic_mismatch',
      `${name} has ${found} partitions, not ${partitions}: the number is pinned at the first start, because a ` +
        `conversation's place depends on it. Set INORDER_PARTITIONS=${found}, or begin anew under another INORDER_TOPIC_PREFIX`,
    );
  }
  const specs = topicSpecs({ topics, partitions, maxValueBytes });
  const { created } = await admin.ensureTopics(specs);
  return specs.map((spec) => ({
    spec,
    partitions: before.get(spec.name)?.partitions ?? spec.partitions,
    created: created.includes(spec.name),
  }));
}
