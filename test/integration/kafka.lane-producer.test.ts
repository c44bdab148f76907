import { describe, expect, test } from '@jest/globals';
import type { KafkaConnection } from '../../src/kafka/connection.js';
import { fenceLaneProducer, type LaneProducer, type TransactOutcome } from '../../src/kafka/lane-producer.js';
import type { OutgoingRecord } from '../../src/record.js';
import { kafkaFixture, outgoing, type Reader } from '../support/kafka-fixture.js';
import { until } from '../support/until.js';

const fixture = kafkaFixture();

interface Lane {
  readonly topic: string;
  readonly transactionalId: string;
  readonly groupId: string;
  take(kafka?: KafkaConnection): Promise<LaneProducer>;
  forward(producer: LaneProducer, values: readonly string[], nextOffset: number): Promise<TransactOutcome>;
  committed(): Promise<{ nextOffset: number; metadata: string | null } | null>;
  /** Everything that a read_committed reader sees, once the log ends where it should. */
  visible(): Promise<(string | null)[]>;
}

async function lane(partitions = 1): Promise<Lane> {
  const topic = await fixture.newTopic(partitions);
  const transactionalId = fixture.newName();
  const groupId = fixture.newName();
  await fixture.admin.committed(groupId, topic, 0); // a new broker makes the topic of groups when it is first asked
  return {
    topic,
    transactionalId,
    groupId,
    take: (kafka = fixture.kafka) => fenceLaneProducer(kafka, { transactionalId, transactionTimeoutMs: 20_000 }),
    forward: (producer, values, nextOffset) =>
      producer.transact({
        records: values.map((value) => outgoing(topic, 0, value)),
        group: { groupId, topic, partition: 0, nextOffset, metadata: `w${nextOffset}` },
      }),
    committed: () => fixture.admin.committed(groupId, topic, 0),
    visible: async () => {
      const reader = fixture.reader({ topics: [topic] });
      await reader.source.start();
      await until('the end of the log', () => endOf(reader) >= 0 && isAtEnd(reader, topic));
      await reader.source.stop();
      return reader.values;
    },
  };
}

const endOf = (reader: Reader): number =>
  Math.max(
    -1,
    ...reader.passed.map(({ nextOffset }) => nextOffset),
    ...reader.batches.map(({ nextOffset }) => nextOffset),
  );

async function isAtEnd(reader: Reader, topic: string): Promise<boolean> {
  const { endOffset } = await fixture.admin.logRange(topic, 0);
  return endOf(reader) >= endOffset;
}

describe('a lane producer', () => {
  test('makes records, offset and watermark visible together', async () => {
    const { take, forward, committed, visible } = await lane();
    const producer = await take();
    expect(await forward(producer, ['a', 'b'], 2)).toEqual({ kind: 'committed' });
    expect(await forward(producer, ['c'], 3)).toEqual({ kind: 'committed' });
    expect(await visible()).toEqual(['a', 'b', 'c']);
    // The coordinator may answer the value before, until it is fenced.
    await producer.discard();
    await (await take()).discard();
    expect(await committed()).toEqual({ nextOffset: 3, metadata: 'w3' });
  });

  test('begins transactions back to back without the 300 ms that kafkajs waits by default', async () => {
    const { take, forward, visible } = await lane();
    const producer = await take();
    const begunAt = performance.now();
    for (let count = 0; count < 60; count += 1) {
      expect(await forward(producer, [`m${count}`], count)).toEqual({ kind: 'committed' });
    }
    expect((performance.now() - begunAt) / 60).toBeLessThan(80);
    expect(await visible()).toHaveLength(60);
    await producer.discard();
  });

  test('moves the offset alone, back to back, although the broker is still finishing the one before', async () => {
    const { take, forward, committed } = await lane();
    const producer = await take();
    for (let nextOffset = 1; nextOffset <= 60; nextOffset += 1) {
      expect(await forward(producer, nextOffset % 3 === 0 ? ['m'] : [], nextOffset)).toEqual({ kind: 'committed' });
    }
    await producer.discard();
    await (await take()).discard();
    expect(await committed()).toEqual({ nextOffset: 60, metadata: 'w60' });
  });

  test('looks its coordinators up once, not four times in each transaction', async () => {
    const { take, forward } = await lane();
    const requests: number[] = [];
    const counted: KafkaConnection = {
      ...fixture.kafka,
      openClient: (equipment) =>
        fixture.kafka.openClient({
          ...equipment,
          protocol: (apiKey, protocol) => {
            requests.push(apiKey);
            return equipment.protocol?.(apiKey, protocol) ?? protocol;
          },
        }),
    };
    const producer = await take(counted);
    await forward(producer, ['m'], 1);
    const before = requests.length;
    for (let nextOffset = 2; nextOffset <= 6; nextOffset += 1) await forward(producer, ['m'], nextOffset);
    const [produce, findCoordinator, addPartitions, addOffsets, end, commitOffset] = [0, 10, 24, 25, 26, 28];
    const later = requests.slice(before);
    expect(later).not.toContain(findCoordinator);
    // Those that the broker made us repeat are counted once.
    expect([...new Set(later)].sort()).toEqual([produce, addPartitions, addOffsets, end, commitOffset].sort());
    await producer.discard();
  });

  test('carries more than one batch may hold, to several partitions, as one transaction', async () => {
    const { take, topic, groupId } = await lane(2);
    const producer = await take();
    const records: OutgoingRecord[] = Array.from({ length: 8_000 }, (_, index) =>
      outgoing(topic, index % 2, `${index}`.padEnd(350, '.')),
    );
    const group = { groupId, topic, partition: 0, nextOffset: 1, metadata: '' };
    expect(await producer.transact({ records, group })).toEqual({ kind: 'committed' });
    const reader = fixture.reader({ topics: [topic] });
    await reader.source.start();
    await until('all records', () => reader.records.length >= 8_000);
    for (const partition of [0, 1]) {
      const there = reader.records.filter((record) => record.partition === partition);
      expect(there.map(({ value }) => Number.parseInt(value!.toString(), 10))).toEqual(
        Array.from({ length: 4_000 }, (_, index) => index * 2 + partition),
      );
    }
    await reader.source.stop();
    await producer.discard();
  });

  test('fences the former one, which learns of it and is refused for good', async () => {
    const { take, forward, visible } = await lane();
    const former = await take();
    expect(await forward(former, ['before'], 1)).toEqual({ kind: 'committed' });
    const owner = await take();
    expect(await forward(former, ['too late'], 2)).toMatchObject({ kind: 'fenced' });
    expect(former.usable).toBe(false);
    await expect(forward(former, ['again'], 3)).rejects.toMatchObject({ code: 'invariant_broken' });
    expect(await forward(owner, ['after'], 2)).toEqual({ kind: 'committed' });
    expect(await visible()).toEqual(['before', 'after']);
    await former.discard();
    await owner.discard();
  });

  test('fences the former one in the offset as well, when it has nothing to send', async () => {
    const { take, forward, committed } = await lane();
    const former = await take();
    const owner = await take();
    expect(await forward(owner, [], 5)).toEqual({ kind: 'committed' });
    expect(await forward(former, [], 2)).toMatchObject({ kind: 'fenced' });
    await (await take()).discard();
    expect(await committed()).toMatchObject({ nextOffset: 5 });
    await former.discard();
    await owner.discard();
  });

  test('settles the transaction that the former one left open, and quickly', async () => {
    const { take, forward, visible, transactionalId, topic } = await lane();
    const former = fixture.stranger.producer({ transactionalId, maxInFlightRequests: 1 });
    await former.connect();
    const open = await former.transaction();
    await open.send({ topic, messages: [{ value: 'never ended' }] });
    const begunAt = performance.now();
    const owner = await take();
    expect(performance.now() - begunAt).toBeLessThan(1_500);
    expect(await forward(owner, ['mine'], 1)).toEqual({ kind: 'committed' });
    expect(await visible()).toEqual(['mine']);
    await owner.discard();
    await former.disconnect();
  });

  test('reads its own position after fencing, never an older one', async () => {
    const { take, forward, committed } = await lane();
    for (let turn = 1; turn <= 15; turn += 1) {
      const producer = await take();
      if (turn > 1) expect(await committed()).toEqual({ nextOffset: turn - 1, metadata: `w${turn - 1}` });
      expect(await forward(producer, ['m'], turn)).toEqual({ kind: 'committed' });
      await producer.discard();
    }
  });
});

describe('a transaction whose outcome nobody knows', () => {
  test('is called unknown, poisons its producer, and is all or nothing to the next owner', async () => {
    const { take, forward, visible, committed } = await lane();
    const { gate, kafka } = await fixture.gated();
    const producer = await take(kafka);
    expect(await forward(producer, ['first'], 1)).toEqual({ kind: 'committed' });
    await gate.close();
    const outcome = await forward(producer, ['second'], 2);
    expect(outcome.kind).toBe('unknown');
    expect(producer.usable).toBe(false);
    await expect(forward(producer, ['second'], 2)).rejects.toMatchObject({ code: 'invariant_broken' });
    await producer.discard();
    const owner = await take();
    const position = await committed();
    const delivered = await visible();
    expect([['first'], ['first', 'second']]).toContainEqual(delivered);
    expect(position).toEqual({ nextOffset: delivered.length, metadata: `w${delivered.length}` });
    await owner.discard();
  }, 60_000);

  test('is not repaired by sending records again: what a broker has yet to get would be there twice', async () => {
    const { take, forward, visible, committed } = await lane();
    const { gate, kafka } = await fixture.gated();
    const producer = await take(kafka);
    expect(await forward(producer, ['first'], 1)).toEqual({ kind: 'committed' });
    gate.holdFrom('second');
    const forwarding = forward(producer, ['second'], 2);
    await until('records on their way', () => gate.holds);
    gate.cutAndDeliverHeld();
    expect((await forwarding).kind).toBe('unknown');
    await producer.discard();
    const owner = await take();
    const delivered = await visible();
    expect([['first'], ['first', 'second']]).toContainEqual(delivered);
    expect(await committed()).toEqual({ nextOffset: delivered.length, metadata: `w${delivered.length}` });
    await owner.discard();
  }, 60_000);

  test('leaves nothing running: discard returns at once, also while a request hangs, and also twice', async () => {
    const { take, forward } = await lane();
    const { gate, kafka } = await fixture.gated();
    const producer = await take(kafka);
    gate.swallowAnswers();
    const hanging = forward(producer, ['m'], 1);
    const begunAt = performance.now();
    await producer.discard();
    await producer.discard();
    expect(performance.now() - begunAt).toBeLessThan(1_000);
    expect((await hanging).kind).toBe('unknown');
  }, 30_000);

  test('cannot be begun where nobody answers: the error names the brokers', async () => {
    const { take } = await lane();
    const { gate, kafka } = await fixture.gated();
    await gate.close();
    await expect(take(kafka)).rejects.toMatchObject({ code: 'kafka_unavailable' });
  }, 30_000);
});
