import { describe, expect, test } from '@jest/globals';
import type { ProducerBatch, RecordMetadata } from 'kafkajs';
import type { ClockSample } from '../../src/clock/reference.js';
import { groupRecords } from '../../src/kafka/record-groups.js';
import { encodeProduce, noPartitioner, sendGroups } from '../../src/kafka/send-groups.js';
import type { OutgoingRecord } from '../../src/record.js';

const outgoing = (topic: string, partition: number, bytes = 10): OutgoingRecord => ({
  topic,
  partition,
  key: null,
  value: Buffer.alloc(bytes),
  headers: {},
});

describe('records on their way to kafkajs', () => {
  test('a send that a broker did not confirm for every partition is no success', async () => {
    // What kafkajs returns when partition 1 moved, during a retry, to a broker that had already answered.
    const sender = { sendBatch: () => Promise.resolve([{ topicName: 'a', partition: 0 }] as RecordMetadata[]) };
    const [groups] = groupRecords([outgoing('a', 0), outgoing('a', 1)]);
    await expect(sendGroups(sender, groups!)).rejects.toMatchObject({
      code: 'kafka_unavailable',
      message: 'no broker confirmed the records for partition 1 of a',
    });
    await expect(sendGroups(sender, groups!.slice(0, 1))).resolves.toEqual([]);
  });

  test("says where records lie: a batch's from its first offset on, and nothing where the broker doesn't know", async () => {
    const sender = {
      sendBatch: () =>
        Promise.resolve([
          { topicName: 'a', partition: 1, baseOffset: '9007199254740000' },
          { topicName: 'a', partition: 0, baseOffset: '-1' },
        ] as RecordMetadata[]),
    };
    const [groups] = groupRecords([outgoing('a', 1), outgoing('a', 0), outgoing('a', 1)]);
    await expect(sendGroups(sender, groups!)).resolves.toEqual([
      { topic: 'a', partition: 1, firstOffset: 9_007_199_254_740_000, count: 2 },
    ]);
  });

  test('kafkajs groups nothing: it gets each partition with its records, in order, without copies', async () => {
    let sent: ProducerBatch | undefined;
    const sender = {
      sendBatch: (batch: ProducerBatch) => {
        sent = batch;
        return Promise.resolve([
          { topicName: 'a', partition: 0 },
          { topicName: 'a', partition: 7 },
        ] as RecordMetadata[]);
      },
    };
    const records = [outgoing('a', 7), outgoing('a', 0), outgoing('a', 7)];
    await sendGroups(sender, groupRecords(records)[0]!);
    const grouped: unknown = sent!.topicMessages![0]!.messages.reduce(() => ({}) as never);
    expect(grouped).toEqual({ 0: [records[1]], 7: [records[0], records[2]] });
    expect((grouped as Record<number, unknown[]>)[7]![1]).toBe(records[2]);
  });

  test("the broker's clock is handed on where a topic keeps it, bracketed, and nowhere else", async () => {
    const [groups] = groupRecords([outgoing('a', 0)]);
    const said: ClockSample[] = [];
    const answer = (logAppendTime: string): { sendBatch: () => Promise<RecordMetadata[]> } => ({
      sendBatch: () => Promise.resolve([{ topicName: 'a', partition: 0, logAppendTime }] as RecordMetadata[]),
    });
    const beforeMs = performance.now();
    await sendGroups(answer('-1'), groups!, (sample) => said.push(sample));
    expect(said).toEqual([]);
    await sendGroups(answer('1790000000000'), groups!, (sample) => said.push(sample));
    expect(said).toMatchObject([{ source: 'kafka', saidMs: 1_790_000_000_000.5, ownErrorMs: 0.5 }]);
    expect(said[0]!.askedMs).toBeGreaterThanOrEqual(beforeMs);
    expect(said[0]!.answeredMs).toBeGreaterThanOrEqual(said[0]!.askedMs);
  });

  test('60,000 records for one partition are grouped in a moment', () => {
    const records = Array.from({ length: 60_000 }, () => outgoing('a', 0));
    const begun = performance.now();
    expect(groupRecords(records).flat(2).length).toBeGreaterThan(1);
    expect(performance.now() - begun).toBeLessThan(1_000);
  });

  test('a record that is larger than a batch may be goes alone', () => {
    const sizes = groupRecords([outgoing('a', 0, 10), outgoing('a', 0, 2_000_000), outgoing('a', 0, 10)]);
    expect(sizes.map((groups) => groups.map(({ records }) => records.length))).toEqual([[1], [1], [1]]);
  });

  test('a record without a partition is refused', () => {
    expect(() => groupRecords([outgoing('a', Number.NaN)])).toThrow('invariant broken');
    expect(() => noPartitioner()()).toThrow('a partitioner was asked');
  });

  test('only produce requests are encoded here', () => {
    const protocol = (): never => {
      throw new Error('unused');
    };
    expect(encodeProduce(1, protocol)).toBe(protocol);
    expect(encodeProduce(0, protocol)).not.toBe(protocol);
  });
});
