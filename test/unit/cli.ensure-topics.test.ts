import { describe, expect, test } from '@jest/globals';
import { ensureTopics } from '../../src/cli/ensure-topics.js';
import { readSettings } from '../../src/config/environment.js';
import type { KafkaAdmin, TopicSpec } from '../../src/kafka/admin.js';

/** Topics as a broker would keep them. */
function broker(existing: Record<string, number>) {
  const topics = new Map(Object.entries(existing));
  const admin = {
    describeTopics: async (names: readonly string[]) =>
      new Map(names.flatMap((name) => (topics.has(name) ? [[name, { partitions: topics.get(name)! }]] : []))),
    ensureTopics: async (specs: readonly TopicSpec[]) => {
      const created = specs.filter(({ name }) => !topics.has(name));
      for (const { name, partitions } of created) topics.set(name, partitions);
      return { created: created.map(({ name }) => name) };
    },
  } as unknown as KafkaAdmin;
  return { admin, topics };
}

function settings(environment: Record<string, string> = {}) {
  return readSettings(environment).settings;
}

describe('ensuring the topics', () => {
  test('creates all four where there are none, with the number asked for', async () => {
    const { admin, topics } = broker({});
    const states = await ensureTopics(admin, settings({ INORDER_PARTITIONS: '16' }));
    expect(states.every(({ created, partitions }) => created && partitions === 16)).toBe(true);
    expect([...topics.keys()]).toEqual(['im.ingest', 'im.logic', 'im.delivery', 'im.dlq']);
  });

  test('gives what is missing as many partitions as there are, where nobody asks for a number', async () => {
    const { admin, topics } = broker({ 'im.logic': 5 });
    await ensureTopics(admin, settings());
    expect(topics.get('im.delivery')).toBe(5);
  });

  test('refuses another number than there is, before it creates anything', async () => {
    const { admin, topics } = broker({ 'im.logic': 5 });
    await expect(ensureTopics(admin, settings({ INORDER_PARTITIONS: '8' }))).rejects.toMatchObject({
      code: 'topic_mismatch',
    });
    expect([...topics.keys()]).toEqual(['im.logic']);
  });

  test('refuses a logic and a delivery topic that differ', async () => {
    const { admin } = broker({ 'im.logic': 5, 'im.delivery': 6 });
    await expect(ensureTopics(admin, settings())).rejects.toThrow('im.delivery has 6 partitions, not 5');
  });

  test('lets the ingest topic have as many as it has: its records find their lanes by key', async () => {
    const { admin } = broker({ 'im.ingest': 2 });
    const states = await ensureTopics(admin, settings({ INORDER_PARTITIONS: '8' }));
    expect(states.map(({ partitions }) => partitions)).toEqual([2, 8, 8, 8]);
  });
});
