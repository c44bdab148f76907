import { expect, test } from '@jest/globals';
import { topicSpecs } from '../../src/config/topics.js';

const topics = { ingest: 'im.ingest', logic: 'im.logic', delivery: 'im.delivery', dlq: 'im.dlq' };

function limitOf(maxValueBytes: number): (name: string) => number {
  const specs = topicSpecs({ topics, partitions: 8, maxValueBytes });
  return (name) => Number(specs.find((spec) => spec.name === name)?.config['max.message.bytes']);
}

test('what an earlier topic takes fits into the later ones, with what grows on the way', () => {
  for (const maxValueBytes of [1_024, 262_144, 8_388_608]) {
    const limit = limitOf(maxValueBytes);
    expect(limit('im.ingest')).toBeGreaterThan(maxValueBytes);
    expect(limit('im.logic')).toBeGreaterThan(limit('im.ingest') * 2);
    expect(limit('im.delivery')).toBeGreaterThan(limit('im.ingest'));
    expect(limit('im.dlq')).toBeGreaterThan(limit('im.ingest'));
  }
});

test("the broker's clock stamps every record; dead letters never expire; partition counts agree", () => {
  const specs = topicSpecs({ topics, partitions: 8, maxValueBytes: 262_144 });
  expect(specs.map(({ name, partitions }) => [name, partitions])).toEqual([
    ['im.ingest', 8],
    ['im.logic', 8],
    ['im.delivery', 8],
    ['im.dlq', 8],
  ]);
  expect(specs.every(({ config }) => config['message.timestamp.type'] === 'LogAppendTime')).toBe(true);
  expect(specs.find(({ name }) => name === 'im.dlq')?.config['retention.ms']).toBe('-1');
});
