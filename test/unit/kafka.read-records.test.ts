import { readFileSync } from 'node:fs';
import zlib from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { compressSync as snappy } from 'snappy';
import { compressFrameSync as lz4 } from 'lz4-napi';
import { decompress, plainZstd } from '../../src/kafka/codecs.js';
import { crc32c } from '../../src/kafka/crc32c.js';
import { ChecksumError, readRecords, type RecordsRead } from '../../src/kafka/read-records.js';
import { AT } from '../../src/kafka/record-batch.js';
import { PreparedBatch } from '../../src/kafka/write-records.js';
import { headerOf, type RawRecord } from '../../src/record.js';

const LIMITS = { maxBatchBytes: 10_000_000, maxBatchRecords: 1_000_000 };
const HEAD = {
  producerId: -1n,
  producerEpoch: -1,
  baseSequence: -1,
  transactional: false,
  timestampMs: 1_764_000_000_000,
};

interface JavaBatch {
  name: string;
  codec: string;
  base64: string;
  records: { offset: number; timestamp: number; key: string | null; valueBytes: number; headers: number }[];
}
const { batches } = JSON.parse(readFileSync('test/support/java-record-batches.json', 'utf8')) as {
  batches: JavaBatch[];
};
const javaBatch = (name: string): Buffer => Buffer.from(batches.find((one) => one.name === name)!.base64, 'base64');

function read(bytes: Buffer, options: { fromOffset?: number; limits?: typeof LIMITS } = {}): Promise<RecordsRead> {
  const { fromOffset = 0, limits = LIMITS } = options;
  return readRecords({ topic: 't', partition: 3, fromOffset, bytes, aborted: [] }, limits);
}

const record = (value: string | null, headers: RawRecord['headers'] = {}): RawRecord => ({
  key: null,
  value: value === null ? null : Buffer.from(value),
  headers,
});

function batchOf(records: readonly RawRecord[], baseOffset = 0): Buffer {
  const batch = new PreparedBatch(records);
  const bytes = Buffer.alloc(batch.byteLength);
  batch.writeTo(bytes, 0, HEAD);
  bytes.writeBigInt64BE(BigInt(baseOffset), AT.baseOffset);
  return bytes;
}

/** The batch with other records bytes behind its header, and a checksum that fits. */
function rewritten(batch: Buffer, change: (header: Buffer) => void, body = batch.subarray(AT.records)): Buffer {
  const bytes = Buffer.concat([batch.subarray(0, AT.records), body]);
  change(bytes);
  bytes.writeInt32BE(bytes.length - 12, AT.length);
  bytes.writeUInt32BE(crc32c(bytes.subarray(AT.attributes)), AT.crc);
  return bytes;
}

const compressed = (batch: Buffer, codec: number, body: Buffer): Buffer =>
  rewritten(batch, (bytes) => bytes.writeInt16BE(codec, AT.attributes), body);

describe('records written by the Java client', () => {
  test.each(batches.filter(({ name }) => !name.includes('marker')))(
    '$name: every record is read as it was written',
    async (batch) => {
      const result = await read(Buffer.from(batch.base64, 'base64'));
      expect(result.undecodable).toEqual([]);
      expect(result.nextOffset).toBe(batch.records.at(-1)!.offset + 1);
      expect(
        result.records.map(({ offset, timestampMs, key, value }) => ({
          offset,
          timestamp: timestampMs,
          key: key?.toString() ?? null,
          valueBytes: value?.length ?? -1,
        })),
      ).toEqual(
        batch.records.map(({ offset, timestamp, key, valueBytes }) => ({ offset, timestamp, key, valueBytes })),
      );
      for (const { value } of result.records) if (value !== null) expect(value.toString()).toMatch(/^消息 \d+;/);
    },
  );

  test('header names that repeat have all their values, and a null value is an empty one', async () => {
    const { records } = await read(javaBatch('none'), { fromOffset: 7_000_000_000 });
    expect(records[0]!.headers).toEqual({});
    expect(records[1]!.headers).toEqual({ h0: Buffer.from([1, 0]) });
    expect(records[3]!.headers).toEqual({ h0: [Buffer.from([3, 0]), Buffer.from([3, 2])], h1: Buffer.alloc(0) });
  });

  test('records of an aborted transaction are hidden, markers always are, and reading goes on behind them', async () => {
    const bytes = Buffer.concat([javaBatch('transactional'), javaBatch('abort marker')]);
    const set = { topic: 't', partition: 0, fromOffset: 100, bytes };
    const aborted = await readRecords({ ...set, aborted: [{ producerId: 4_000_000_123, firstOffset: 100 }] }, LIMITS);
    expect(aborted).toMatchObject({ records: [], nextOffset: 104, byteLength: 0 });
    const uncommitted = await readRecords({ ...set, aborted: [] }, LIMITS);
    expect(uncommitted.records.map(({ offset }) => offset)).toEqual([100, 101, 102]);
  });

  test('zstd without native code reads what Java wrote', () => {
    for (const name of ['zstd', 'zstd, large']) {
      const body = javaBatch(name).subarray(AT.records);
      expect(plainZstd(body, 1_000_000).length).toBeGreaterThan(body.length);
    }
    expect(() => plainZstd(javaBatch('zstd, large').subarray(AT.records), 1_000)).toThrow('more than 1000 bytes');
  });
});

describe('what a producer may send', () => {
  test('a key of four zero bytes is a key like any other', async () => {
    const { records } = await read(
      batchOf([{ key: Buffer.alloc(4), value: Buffer.from('a'), headers: {} }, record('b')]),
    );
    expect(records.map(({ key }) => key)).toEqual([Buffer.alloc(4), null]);
  });

  test('null, empty and full are told apart in key and value', async () => {
    const rows = [null, Buffer.alloc(0), Buffer.from('x')].flatMap((key) =>
      [null, Buffer.alloc(0), Buffer.from('y')].map((value) => ({ key, value, headers: {} })),
    );
    const { records } = await read(batchOf(rows));
    expect(records.map(({ key, value }) => ({ key, value, headers: {} }))).toEqual(rows);
  });

  test('headers named like members of every object are headers, with own values only', async () => {
    const names = ['constructor', 'toString', '__proto__', 'hasOwnProperty', 'valueOf', '', 'ключ'];
    const headers = Object.fromEntries(names.map((name) => [name, Buffer.from(name)]));
    const { records } = await read(
      batchOf([record('v', headers), record('v', { constructor: [Buffer.from('1'), Buffer.from('2')] })]),
    );
    const got = records[0]!.headers;
    expect(Object.keys(got).sort()).toEqual([...names].sort());
    for (const name of names) expect(headerOf(got, name)).toEqual(Buffer.from(name));
    expect(Object.getPrototypeOf(got)).toBe(Object.prototype);
    expect(records[1]!.headers).toEqual({ constructor: [Buffer.from('1'), Buffer.from('2')] });
  });

  test('100,000 headers of one name are read in a moment', async () => {
    const values = Array.from({ length: 100_000 }, () => Buffer.from('v'));
    const batch = batchOf([record('v', { n: values })]);
    const begun = performance.now();
    const { records } = await read(batch);
    expect(records[0]!.headers['n']).toHaveLength(100_000);
    expect(performance.now() - begun).toBeLessThan(2_000);
  });

  test('a batch of 300,000 records is read: no stack holds them', async () => {
    const { records, nextOffset } = await read(batchOf(Array.from({ length: 300_000 }, () => record(null))));
    expect(records).toHaveLength(300_000);
    expect(nextOffset).toBe(300_000);
  });

  test('a timestamp and a producer id that nobody should have stop nothing', async () => {
    const odd = rewritten(batchOf([record('v')]), (bytes) => {
      bytes.writeBigInt64BE(2n ** 63n - 1n, AT.baseTimestamp);
      bytes.writeBigInt64BE(2n ** 62n, AT.producerId);
    });
    expect((await read(odd)).records).toHaveLength(1);
  });

  test("the broker's time is taken where the topic says so", async () => {
    const appended = rewritten(batchOf([record('v'), record('w')]), (bytes) => {
      bytes.writeInt16BE(0x08, AT.attributes);
      bytes.writeBigInt64BE(1_800_000_000_000n, AT.maxTimestamp);
    });
    expect((await read(appended)).records.map(({ timestampMs }) => timestampMs)).toEqual([
      1_800_000_000_000, 1_800_000_000_000,
    ]);
  });
});

describe('a batch whose records cannot be had', () => {
  const good = batchOf([record('before')], 0);
  const after = batchOf([record('after')], 2);
  const body = batchOf([record('x'.repeat(1_000))]).subarray(AT.records);
  const at1 = batchOf([record('x'.repeat(1_000))], 1);

  test.each([
    ['gzip that is no gzip', compressed(at1, 1, Buffer.from('nonsense'))],
    ['gzip that is cut off', compressed(at1, 1, zlib.gzipSync(body).subarray(0, 20))],
    ['snappy that is no snappy', compressed(at1, 2, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]))],
    ['a cut xerial block', compressed(at1, 2, Buffer.from('82534e41505059000000000100000001000000ff00', 'hex'))],
    ['lz4 that is no lz4', compressed(at1, 3, Buffer.from('nonsense'))],
    ['lz4 that is cut off', compressed(at1, 3, lz4(body).subarray(0, 20))],
    ['zstd that is no zstd', compressed(at1, 4, Buffer.from('nonsense'))],
    ['a codec that does not exist', compressed(at1, 7, body)],
    ['fewer records than it says', rewritten(at1, (bytes) => bytes.writeInt32BE(5, AT.count))],
    ['more records than it says', rewritten(at1, () => undefined, Buffer.concat([body, body]))],
    ['a record longer than the batch', rewritten(at1, () => undefined, body.subarray(0, 500))],
    ['a field longer than its record', rewritten(at1, () => undefined, Buffer.from('0e0000000160ff0000', 'hex'))],
    [
      'offsets that do not increase',
      rewritten(at1, (bytes) => bytes.writeInt32BE(2, AT.count), Buffer.concat([body, body])),
    ],
    ['a record count beyond the limit', rewritten(at1, (bytes) => bytes.writeInt32BE(2_000_000_000, AT.count))],
  ])('%s: is told apart, and the batches around it are read', async (_, bad) => {
    const result = await read(Buffer.concat([good, bad, after]));
    expect(result.records.map(({ value }) => value?.toString())).toEqual(['before', 'after']);
    expect(result.nextOffset).toBe(3);
    expect(result.undecodable).toHaveLength(1);
    expect(result.undecodable[0]).toMatchObject({ firstOffset: 1, lastOffset: 1, bytes: bad });
    expect(result.undecodable[0]!.reason).toContain('the record batch at offsets 1–1 cannot be read');
  });

  test.each([
    ['gzip', 1, (bytes: Buffer) => zlib.gzipSync(bytes)],
    ['snappy', 2, (bytes: Buffer) => snappy(bytes)],
    ['lz4', 3, (bytes: Buffer) => lz4(bytes)],
  ])('%s: a batch that would be too large is not decompressed', async (_, codec, compress) => {
    const bomb = compressed(at1, codec, compress(Buffer.alloc(20_000_000)));
    expect(bomb.length).toBeLessThan(1_000_000);
    const { undecodable } = await read(bomb, { limits: { ...LIMITS, maxBatchBytes: 10_000_000 } });
    expect(undecodable[0]!.reason).toContain('more than 10000000 bytes after decompression');
  });

  test('snappy that lies about its length is not believed', async () => {
    const lie = Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0xff, 0x07]), Buffer.alloc(100)]);
    await expect(decompress(2, lie, 1_000_000)).rejects.toThrow('more than 1000000 bytes');
  });
});

describe('a fetch', () => {
  test('begins in the middle of a batch where it was asked to', async () => {
    const { records } = await read(batchOf([record('a'), record('b'), record('c')], 10), { fromOffset: 11 });
    expect(records.map(({ offset, value }) => [offset, value?.toString()])).toEqual([
      [11, 'b'],
      [12, 'c'],
    ]);
  });

  test('ends with a batch cut by its limit: the next one begins there', async () => {
    const whole = batchOf([record('a')], 0);
    const cut = batchOf([record('b')], 1);
    for (let length = 0; length < cut.length; length += 1) {
      const { records, nextOffset } = await read(Buffer.concat([whole, cut.subarray(0, length)]));
      expect([records.length, nextOffset]).toEqual([1, 1]);
    }
  });

  test('without a whole batch moves nothing', async () => {
    expect((await read(Buffer.alloc(0), { fromOffset: 42 })).nextOffset).toBe(42);
    expect((await read(batchOf([record('a')], 42).subarray(0, 30), { fromOffset: 42 })).nextOffset).toBe(42);
  });

  test('that was damaged on its way is refused whole', async () => {
    const damaged = batchOf([record('abc')]);
    damaged[damaged.length - 3]! ^= 1;
    await expect(read(damaged)).rejects.toThrow(ChecksumError);
  });

  test('in a message format older than Kafka 0.11 is refused', async () => {
    const old = batchOf([record('abc')]);
    old.writeInt8(1, AT.magic);
    await expect(read(old)).rejects.toThrow('message format 1');
  });
});
