import { createRequire } from 'node:module';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readRecords } from '../../src/kafka/read-records.js';
import { AT } from '../../src/kafka/record-batch.js';
import { groupRecords } from '../../src/kafka/record-groups.js';
import { PreparedBatch, recordBytes, BATCH_HEADER_BYTES } from '../../src/kafka/write-records.js';
import type { OutgoingRecord, RawRecord } from '../../src/record.js';

const require = createRequire(import.meta.url);
type Batch = { records: { key: Buffer | null; value: Buffer | null; headers: object; offset: string }[] };
const Decoder = require('kafkajs/src/protocol/decoder') as new (bytes: Buffer) => object;
const decodeBatch = require('kafkajs/src/protocol/recordBatch/v0/decoder') as (decoder: object) => Promise<Batch>;

const bytes = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
const maybeBytes = (maxLength: number): fc.Arbitrary<Buffer | null> =>
  fc.option(bytes(maxLength), { nil: null, freq: 5 });
const headers = fc
  .dictionary(
    fc.oneof(fc.string({ unit: 'grapheme', maxLength: 12 }), fc.constantFrom('constructor', 'toString', 'a')),
    fc.oneof(bytes(40), fc.array(bytes(10), { minLength: 2, maxLength: 4 })),
    { maxKeys: 4, noNullPrototype: true },
  )
  .filter((names) => Object.keys(names).every((name) => !/\p{Surrogate}/u.test(name)));
const record: fc.Arbitrary<RawRecord> = fc.record({ key: maybeBytes(60), value: maybeBytes(400), headers });
const records = fc.array(record, { minLength: 1, maxLength: 200 });
const head = fc.record({
  producerId: fc.bigInt({ min: -1n, max: 2n ** 53n }),
  producerEpoch: fc.integer({ min: -1, max: 32_767 }),
  baseSequence: fc.integer({ min: -1, max: 2 ** 31 - 1 }),
  transactional: fc.boolean(),
  timestampMs: fc.integer({ min: 0, max: 2 ** 45 }),
});

describe('a record batch', () => {
  test('is read as it was written, and so does kafkajs read it', async () => {
    await fc.assert(
      fc.asyncProperty(records, head, fc.nat(2 ** 40), async (written, batchHead, baseOffset) => {
        const batch = new PreparedBatch(written);
        const target = Buffer.alloc(batch.byteLength);
        expect(batch.writeTo(target, 0, batchHead)).toBe(target.length);
        target.writeBigInt64BE(BigInt(baseOffset), AT.baseOffset);
        const set = { topic: 't', partition: 1, fromOffset: baseOffset, bytes: target, aborted: [] };
        const read = await readRecords(set, { maxBatchBytes: 1e9, maxBatchRecords: 1e6 });
        const expected = written.map((one, index) => ({
          ...one,
          topic: 't',
          partition: 1,
          offset: baseOffset + index,
          timestampMs: batchHead.timestampMs,
        }));
        expect(read.records).toEqual(expected);
        expect(read.nextOffset).toBe(baseOffset + written.length);
        expect(read.byteLength).toBe(target.length - BATCH_HEADER_BYTES);
        // kafkajs spoils header names that every object has; see docs/adr/0002.
        const plain = written.every(({ headers: named }) => Object.keys(named).every((name) => !(name in {})));
        if (plain) {
          const theirs = await decodeBatch(new Decoder(target));
          expect(theirs.records.map(({ key, value, headers: named }) => ({ key, value, headers: named }))).toEqual(
            written,
          );
        }
      }),
      { numRuns: 200 },
    );
  });

  test('never takes more bytes than its records were counted for', () => {
    fc.assert(
      fc.property(records, (written) => {
        const counted = written.reduce<number>((sum, one) => sum + recordBytes(one), BATCH_HEADER_BYTES);
        const { byteLength } = new PreparedBatch(written);
        expect(byteLength).toBeLessThanOrEqual(counted);
        expect(byteLength).toBeGreaterThanOrEqual(counted - 4 * written.length);
      }),
    );
  });

  test('whatever bytes come instead of it, reading ends: with records, with an error, never with a hang', async () => {
    await fc.assert(
      fc.asyncProperty(
        records,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 20 }),
        async (written, changes) => {
          const batch = new PreparedBatch(written);
          const target = Buffer.alloc(batch.byteLength);
          batch.writeTo(target, 0, {
            producerId: -1n,
            producerEpoch: -1,
            baseSequence: -1,
            transactional: false,
            timestampMs: 0,
          });
          for (const [at, value] of changes) target[AT.records + (at % (target.length - AT.records))] = value;
          const { crc32c } = await import('../../src/kafka/crc32c.js');
          target.writeUInt32BE(crc32c(target.subarray(AT.attributes)), AT.crc);
          const set = { topic: 't', partition: 1, fromOffset: 0, bytes: target, aborted: [] };
          const read = await readRecords(set, { maxBatchBytes: 1e9, maxBatchRecords: 1e6 });
          expect(read.records.length === written.length || read.undecodable.length === 1).toBe(true);
          expect(read.nextOffset).toBe(written.length);
        },
      ),
      { numRuns: 500 },
    );
  });
});

test('records grouped for sending are all there once, in order per partition, within the limits', () => {
  const outgoing = fc.record({
    topic: fc.constantFrom('a', 'b'),
    partition: fc.nat(4),
    key: maybeBytes(20),
    value: maybeBytes(300),
    headers,
  });
  const limits = { maxBatchBytes: 1_000, maxRequestBytes: 2_500 };
  fc.assert(
    fc.property(fc.array(outgoing, { maxLength: 80 }), (sent: OutgoingRecord[]) => {
      const requests = groupRecords(sent, limits);
      for (const groups of requests) {
        const places = groups.map(({ topic, partition }) => `${topic}/${partition}`);
        expect(new Set(places).size).toBe(places.length);
        const sizes = groups.map((group) => new PreparedBatch(group.records).byteLength);
        for (const [index, size] of sizes.entries()) {
          if (groups[index]!.records.length > 1) expect(size).toBeLessThanOrEqual(limits.maxBatchBytes);
        }
        if (groups.length > 1) expect(sizes.reduce((a, b) => a + b)).toBeLessThanOrEqual(limits.maxRequestBytes);
      }
      for (const topic of ['a', 'b']) {
        for (let partition = 0; partition <= 4; partition += 1) {
          const here = (one: { topic: string; partition: number }): boolean =>
            one.topic === topic && one.partition === partition;
          expect(
            requests
              .flat()
              .filter(here)
              .flatMap((group) => group.records),
          ).toEqual(sent.filter(here));
        }
      }
    }),
  );
});
