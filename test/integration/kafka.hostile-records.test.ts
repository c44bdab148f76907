import { readFileSync } from 'node:fs';
import zlib from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { compressFrameSync as lz4 } from 'lz4-napi';
import { compressSync as snappy } from 'snappy';
import { crc32c } from '../../src/kafka/crc32c.js';
import { PlainProducer } from '../../src/kafka/plain-producer.js';
import { AT } from '../../src/kafka/record-batch.js';
import { PreparedBatch } from '../../src/kafka/write-records.js';
import type { RawRecord } from '../../src/record.js';
import { kafkaFixture, outgoing, produceBatch, type Reader } from '../support/kafka-fixture.js';
import { until } from '../support/until.js';

/** What any producer may send, through a real broker. */
const fixture = kafkaFixture();

interface JavaBatch {
  name: string;
  base64: string;
  records: { key: string | null; valueBytes: number }[];
}
const java = JSON.parse(readFileSync('test/support/java-record-batches.json', 'utf8')) as { batches: JavaBatch[] };

const valueOnly = (value: string | Buffer | null): RawRecord => ({
  key: null,
  value: typeof value === 'string' ? Buffer.from(value) : value,
  headers: {},
});

/** What kafkajs' own consumer makes of a topic: the values up to `count`, or the error that ended it. */
async function readByKafkajs(topic: string, count: number): Promise<unknown[]> {
  const consumer = fixture.stranger.consumer({
    groupId: fixture.newName(),
    maxWaitTimeInMs: 50,
    retry: { retries: 0 },
  });
  const seen: unknown[] = [];
  consumer.on(consumer.events.CRASH, ({ payload }) => seen.push(payload.error.message));
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachBatch: ({ batch }) => {
      for (const { value } of batch.messages) seen.push(value?.toString());
      return Promise.resolve();
    },
  });
  await until('what kafkajs sees', () => seen.length >= count);
  await consumer.disconnect();
  return seen;
}

/** A batch of these records, compressed by `compress` under the codec's number. */
function batchOf(records: readonly RawRecord[], codec = 0, compress = (bytes: Buffer): Buffer => bytes): Buffer {
  const prepared = new PreparedBatch(records);
  const plain = Buffer.alloc(prepared.byteLength);
  prepared.writeTo(plain, 0, {
    ...{ producerId: -1n, producerEpoch: -1, baseSequence: -1 },
    ...{ transactional: false, timestampMs: Date.now() },
  });
  return sealed(Buffer.concat([plain.subarray(0, AT.records), compress(plain.subarray(AT.records))]), codec);
}

function sealed(batch: Buffer, codec: number): Buffer {
  batch.writeInt32BE(batch.length - 12, AT.length);
  batch.writeInt16BE(codec, AT.attributes);
  batch.writeUInt32BE(crc32c(batch.subarray(AT.attributes)), AT.crc);
  return batch;
}

async function readAll(topic: string, count: number, options: object = {}): Promise<Reader> {
  const reader = fixture.reader({ topics: [topic], ...options });
  await reader.source.start();
  await until(`${count} records`, () => reader.records.length >= count || reader.fatal.length > 0, 20_000);
  return reader;
}

describe('every codec', () => {
  test.each(java.batches.filter(({ name }) => !/marker|transactional/.test(name)))(
    'Java producer, $name: read back exactly, by way of the broker',
    async ({ base64, records }) => {
      const topic = await fixture.newTopic(1, { 'message.timestamp.type': 'LogAppendTime' });
      const batch = Buffer.from(base64, 'base64');
      batch.writeBigInt64BE(0n, AT.baseOffset); // as a producer sends it; the checksum leaves it out
      await produceBatch(fixture.kafka, topic, batch);
      const reader = await readAll(topic, records.length);
      expect(
        reader.records.map(({ offset, key, value }) => [offset, key?.toString() ?? null, value?.length ?? -1]),
      ).toEqual(records.map(({ key, valueBytes }, index) => [index, key, valueBytes]));
      await reader.source.stop();
    },
  );

  test.each([
    ['gzip', 1, (bytes: Buffer) => zlib.gzipSync(bytes)],
    ['raw snappy, as librdkafka writes it', 2, (bytes: Buffer) => snappy(bytes)],
    ['lz4', 3, (bytes: Buffer) => lz4(bytes)],
  ])('%s: 30,000 records in one batch', async (_, codec, compress) => {
    const topic = await fixture.newTopic(1);
    await produceBatch(
      fixture.kafka,
      topic,
      batchOf(
        Array.from({ length: 30_000 }, (_unused, index) => valueOnly(`{"n":${index}}`)),
        codec,
        compress,
      ),
    );
    const reader = await readAll(topic, 30_000);
    expect(reader.records.map(({ value }) => value?.toString())).toEqual(
      Array.from({ length: 30_000 }, (_unused, index) => `{"n":${index}}`),
    );
    await reader.source.stop();
  });
});

describe('records that break kafkajs', () => {
  test('a batch of 200,000 records is read', async () => {
    const topic = await fixture.newTopic(1);
    const records = Array.from({ length: 200_000 }, () => valueOnly(null));
    await produceBatch(
      fixture.kafka,
      topic,
      batchOf(records, 1, (bytes) => zlib.gzipSync(bytes)),
    );
    const reader = await readAll(topic, 200_000);
    expect(reader.records.at(-1)!.offset).toBe(199_999);
    await reader.source.stop();
    // The twin: without our decoder nobody gets past this batch.
    expect(await readByKafkajs(topic, 1)).toEqual(['Maximum call stack size exceeded']);
  });

  test('header names like those of every object, repeated names, null values: all read, none harmful', async () => {
    const topic = await fixture.newTopic(1);
    const record = (headers: [string, string | null][]): Buffer => {
      const parts = [Buffer.from([0, 0, 0, 1, 2, 0x76, headers.length * 2])];
      for (const [name, value] of headers) {
        parts.push(Buffer.from([name.length * 2]), Buffer.from(name));
        parts.push(
          value === null ? Buffer.from([1]) : Buffer.concat([Buffer.from([value.length * 2]), Buffer.from(value)]),
        );
      }
      const body = Buffer.concat(parts);
      return Buffer.concat([Buffer.from([((body.length * 2) & 0x7f) | 0x80, (body.length * 2) >> 7]), body]);
    };
    const names = ['constructor', 'toString', '__proto__', 'hasOwnProperty', 'x'];
    const headers: [string, string | null][] = [...names, ...names].map((name, index) => [name, `${index}`]);
    const template = batchOf([valueOnly('v')]);
    const bytes = Buffer.concat([template.subarray(0, AT.records), record([...headers, ['null', null]])]);
    await produceBatch(fixture.kafka, topic, sealed(bytes, 0));
    const reader = await readAll(topic, 1);
    const read = reader.records[0]!.headers;
    expect(Object.keys(read).sort()).toEqual([...names, 'null'].sort());
    for (const [index, name] of names.entries()) {
      const own = Object.getOwnPropertyDescriptor(read, name)!.value as Buffer[];
      expect(own.map(String)).toEqual([`${index}`, `${index + names.length}`]);
    }
    expect(read['null']).toEqual(Buffer.alloc(0));
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
    await reader.source.stop();
  });

  test('aborted transactions of two producers that overlap, and keys of four zero bytes: exactly what was committed', async () => {
    const topic = await fixture.newTopic(1);
    const begin = async (): Promise<{
      send(value: string): Promise<void>;
      commit(): Promise<void>;
      abort(): Promise<void>;
      leave(): Promise<void>;
    }> => {
      const producer = fixture.stranger.producer({ transactionalId: fixture.newName(), maxInFlightRequests: 1 });
      await producer.connect();
      const transaction = await producer.transaction();
      return {
        // Each record with the key that kafkajs takes for an abort marker.
        send: async (value) => {
          await transaction.send({ topic, messages: [{ key: Buffer.alloc(4), value }] });
        },
        commit: () => transaction.commit(),
        abort: () => transaction.abort(),
        leave: () => producer.disconnect(),
      };
    };
    const [one, two, three] = [await begin(), await begin(), await begin()];
    await one.send('aborted 1a');
    await two.send('aborted 2a');
    await three.send('committed 3a');
    await two.send('aborted 2b');
    await two.abort(); // first in the broker's list, although it began later
    await one.send('aborted 1b');
    const plain = new PlainProducer(fixture.kafka);
    await plain.send([{ ...outgoing(topic, 0, 'plain'), key: Buffer.alloc(4) }]);
    await one.abort();
    await three.send('committed 3b');
    await three.commit();
    await plain.send([outgoing(topic, 0, 'last')]);
    const reader = await readAll(topic, 4);
    await until('the end', async () => {
      const { endOffset } = await fixture.admin.logRange(topic, 0);
      return reader.batches.at(-1)!.nextOffset === endOffset;
    });
    expect(reader.values).toEqual(['committed 3a', 'plain', 'committed 3b', 'last']);
    // The twin: without our filter a record that was never committed is seen.
    expect(await readByKafkajs(topic, 5)).toContain('aborted 1a');
    const uncommitted = await readAll(topic, 8, { readUncommitted: true });
    expect(uncommitted.values).toHaveLength(8);
    for (const end of [one.leave, two.leave, three.leave]) await end();
    await plain.close();
    await reader.source.stop();
    await uncommitted.source.stop();
  }, 20_000);
});

describe('a batch that is too large to decompress', () => {
  const bomb = (): Buffer => batchOf([valueOnly(Buffer.alloc(30_000_000))], 1, (bytes) => zlib.gzipSync(bytes));
  const limits = { maxBatchBytes: 5_000_000 };

  test('is handed out as it lies there, where that was asked for, and reading goes on', async () => {
    const topic = await fixture.newTopic(1);
    await produceBatch(fixture.kafka, topic, batchOf([valueOnly('before')]));
    await produceBatch(fixture.kafka, topic, bomb());
    await produceBatch(fixture.kafka, topic, batchOf([valueOnly('after')]));
    const reader = await readAll(topic, 2, { ...limits, onUndecodable: 'hand_out' });
    expect(reader.values).toEqual(['before', 'after']);
    const undecodable = reader.batches.flatMap((batch) => batch.undecodable);
    expect(undecodable).toHaveLength(1);
    expect(undecodable[0]).toMatchObject({ firstOffset: 1, lastOffset: 1 });
    expect(undecodable[0]!.reason).toContain('more than 5000000 bytes after decompression');
    expect(undecodable[0]!.bytes.length).toBeLessThan(200_000);
    await reader.source.stop();
  });

  test('is fatal where not, and says where it lies', async () => {
    const topic = await fixture.newTopic(1);
    await produceBatch(fixture.kafka, topic, bomb());
    const reader = await readAll(topic, 1, limits);
    expect(reader.fatal[0]).toMatchObject({ code: 'kafka_failed' });
    expect(reader.fatal[0]!.message).toContain(
      `partition 0 of ${topic}: the record batch at offsets 0–0 cannot be read`,
    );
    await reader.source.stop();
  });
});
