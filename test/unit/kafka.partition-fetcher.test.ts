import { describe, expect, test } from '@jest/globals';
import type { GroupBatch, GroupSourceOptions } from '../../src/kafka/group-contract.js';
import type { KafkajsFetch } from '../../src/kafka/kafkajs-seams.js';
import { decodeFetch, PartitionFetcher, type FetchAnswer } from '../../src/kafka/partition-fetcher.js';
import { Positions } from '../../src/kafka/positions.js';
import type { FetchedPartition } from '../../src/kafka/wire.js';
import { PreparedBatch } from '../../src/kafka/write-records.js';
import { silentLog } from '../../src/observe/log.js';

const HEAD = { producerId: -1n, producerEpoch: -1, baseSequence: -1, transactional: false, timestampMs: 0 };
const OPTIONS: GroupSourceOptions = {
  ...{ groupId: 'g', topics: ['t'], fromBeginning: true, startPaused: false },
  ...{ sessionTimeoutMs: 6_000, heartbeatIntervalMs: 600, rebalanceTimeoutMs: 6_000, maxWaitMs: 200 },
  ...{ maxBytesPerPartition: 1_000, maxBytes: 1_000 },
};

/** One record batch with this many records from offset 0 on. */
function log(count: number): Buffer {
  const batch = new PreparedBatch(Array.from({ length: count }, () => ({ key: null, value: null, headers: {} })));
  const bytes = Buffer.alloc(batch.byteLength);
  batch.writeTo(bytes, 0, HEAD);
  return bytes;
}

const answer = (...partitions: Partial<FetchedPartition>[]): FetchAnswer => ({
  clientSideThrottleTime: 0,
  response: {
    errorCode: 0,
    throttleMs: 0,
    partitions: partitions.map((one) => ({
      ...{ topic: 't', partition: 0, errorCode: 0, highWatermark: 9, lastStableOffset: 9, aborted: [] },
      bytes: Buffer.alloc(0),
      ...one,
    })),
  },
});

/** What kafkajs would ask for: both partitions, from where the group is. */
const REQUEST: KafkajsFetch = {
  maxWaitTime: 1,
  topics: [{ topic: 't', partitions: [0, 1].map((partition) => ({ partition, fetchOffset: '0', maxBytes: 1_000 })) }],
};

function fetching(paused = false): {
  positions: Positions;
  fetcher: PartitionFetcher;
  batches: GroupBatch[];
  fatal: Error[];
  refreshed: () => number;
  asked: Record<string, string>[];
  waits: number[];
  fetch(reply: () => FetchAnswer): Promise<unknown>;
} {
  const positions = new Positions();
  positions.begin(new Map([['t', [0, 1]]]), paused);
  const batches: GroupBatch[] = [];
  const fatal: Error[] = [];
  const asked: Record<string, string>[] = [];
  const waits: number[] = [];
  let refreshes = 0;
  const fetcher = new PartitionFetcher(OPTIONS, positions, silentLog, {
    batch: (batch) => batches.push(batch),
    passed: () => undefined,
    fatal: (error) => fatal.push(error as Error),
    refreshMetadata: async () => void (refreshes += 1),
  });
  const fetch = (reply: () => FetchAnswer): Promise<unknown> =>
    fetcher.fetch(REQUEST, async ({ topics, maxWaitTime }) => {
      waits.push(maxWaitTime);
      asked.push(
        Object.fromEntries(topics.flatMap((topic) => topic.partitions).map((one) => [one.partition, one.fetchOffset])),
      );
      return reply();
    });
  return { positions, fetcher, batches, fatal, refreshed: () => refreshes, asked, waits, fetch };
}

describe('a fetch taken over from kafkajs', () => {
  test('tells kafkajs that it brought nothing, whatever it brought, and moves on by itself', async () => {
    const { fetch, batches, asked } = fetching();
    expect(await fetch(() => answer({ bytes: log(3) }))).toEqual({ responses: [] });
    expect(batches.map(({ records, nextOffset }) => [records.length, nextOffset])).toEqual([[3, 3]]);
    await fetch(() => answer());
    expect(asked).toEqual([
      { 0: '0', 1: '0' },
      { 0: '3', 1: '0' },
    ]);
  });

  test('an empty answer moves nothing, however far the high watermark is ahead', async () => {
    const { fetch, asked } = fetching();
    await fetch(() => answer({ highWatermark: 1_000, lastStableOffset: 0 }));
    await fetch(() => answer());
    expect(asked[1]).toEqual({ 0: '0', 1: '0' });
  });

  test('a leader that has moved costs fresh metadata, not a rejoin of the group; good partitions are handed out', async () => {
    const { fetch, batches, asked, refreshed, fatal } = fetching();
    await fetch(() => answer({ partition: 0, errorCode: 6 }, { partition: 1, bytes: log(2) }));
    expect(refreshed()).toBe(1);
    expect(batches.map(({ partition }) => partition)).toEqual([1]);
    await fetch(() => answer());
    expect(asked[1]).toEqual({ 0: '0', 1: '2' });
    expect(fatal).toEqual([]);
  });

  test('an offset that is not in the log is fatal, unless nobody asks for it any more', async () => {
    const { fetch, fatal, positions } = fetching();
    await fetch(() => {
      positions.seek('t', 0, 5);
      return answer({ errorCode: 1 });
    });
    expect(fatal).toEqual([]);
    await fetch(() => answer({ errorCode: 1 }));
    expect(fatal.map(({ message }) => message)).toEqual([expect.stringContaining('offset 5 of partition 0 of t')]);
  });

  test('what is on its way when a partition is paused, sought or taken away is not handed out', async () => {
    const { fetch, batches, positions } = fetching();
    for (const change of [
      () => positions.pause('t', 0),
      () => positions.seek('t', 0, 1),
      () => positions.begin(new Map([['t', [0, 1]]]), false),
    ]) {
      positions.resume('t', 0);
      await fetch(() => {
        change();
        return answer({ bytes: log(3) });
      });
    }
    expect(batches).toEqual([]);
  });

  test('two brokers that both answer for a partition that moved hand it out once', async () => {
    const { fetch, batches } = fetching();
    await Promise.all([fetch(() => answer({ bytes: log(3) })), fetch(() => answer({ bytes: log(3) }))]);
    expect(batches).toHaveLength(1);
  });

  test('a damaged batch is asked for again', async () => {
    const { fetch, fetcher, batches, fatal, asked } = fetching();
    const damaged = log(3);
    damaged[damaged.length - 1]! ^= 1;
    const first = fetch(() => answer({ bytes: damaged }));
    setTimeout(() => fetcher.wake(), 20);
    await first;
    expect([batches, fatal]).toEqual([[], []]);
    await fetch(() => answer({ bytes: log(3) }));
    expect(asked[1]).toEqual({ 0: '0', 1: '0' });
    expect(batches).toHaveLength(1);
  });

  test('when all is paused nothing is asked, and a resume ends the wait', async () => {
    const { fetch, fetcher, asked, positions } = fetching(true);
    const took = async (meanwhile: () => void): Promise<number> => {
      const begunAt = performance.now();
      const idle = fetch(() => answer());
      meanwhile();
      await idle;
      return performance.now() - begunAt;
    };
    const undisturbed = await took(() => undefined);
    const woken = await took(() => {
      positions.resume('t', 0);
      fetcher.wake();
    });
    expect(woken).toBeLessThan(undisturbed);
    expect(asked).toEqual([]);
  });

  test('while some partition is paused the broker may not hold the fetch for long: it may be resumed any moment', async () => {
    const { fetch, positions, waits } = fetching();
    await fetch(() => answer());
    positions.pause('t', 1);
    await fetch(() => answer());
    expect(waits).toEqual([200, 10]);
  });

  test('a fetch that brought little is followed at a distance: records must not cost a request each', async () => {
    const { fetch } = fetching();
    const sentAt: number[] = [];
    for (let turn = 0; turn < 3; turn++) {
      await fetch(() => {
        sentAt.push(performance.now());
        return answer();
      });
    }
    expect(Math.min((sentAt[1] ?? 0) - (sentAt[0] ?? 0), (sentAt[2] ?? 0) - (sentAt[1] ?? 0))).toBeGreaterThan(2); // of 5: timers round
  });

  test('only fetch responses are decoded here', () => {
    const protocol = (): never => {
      throw new Error('unused');
    };
    expect(decodeFetch(0, protocol)).toBe(protocol);
    expect(decodeFetch(1, protocol)).not.toBe(protocol);
  });
});

describe('a Fetch response', () => {
  /** One topic with one partition, as each version lays it out. */
  function response(version: number): Buffer {
    const parts: Buffer[] = [];
    const int = (bytes: number, value: bigint): void => {
      const buffer = Buffer.alloc(8);
      buffer.writeBigInt64BE(value);
      parts.push(buffer.subarray(8 - bytes));
    };
    int(4, 7n);
    if (version >= 7) {
      int(2, 0n);
      int(4, 0n);
    }
    int(4, 1n);
    int(2, 2n);
    parts.push(Buffer.from('tt'));
    int(4, 1n);
    int(4, 5n);
    int(2, 0n);
    int(8, 2n ** 40n);
    int(8, 12n);
    if (version >= 5) int(8, 3n);
    int(4, 1n);
    int(8, 99n);
    int(8, 11n);
    if (version >= 11) int(4, -1n);
    const bytes = log(2);
    int(4, BigInt(bytes.length));
    parts.push(bytes);
    return Buffer.concat(parts);
  }

  const read = (version: number, payload: Buffer): Promise<unknown> => {
    const kafkajs = { request: { apiVersion: version, encode: () => Promise.resolve() }, response: {} };
    const made = decodeFetch(1, (() => kafkajs) as never)({});
    return made.response.decode(payload);
  };

  test.each([4, 5, 6, 7, 8, 9, 10, 11])('of version %i is read', async (version) => {
    const partition = { topic: 'tt', partition: 5, errorCode: 0, highWatermark: 2 ** 40, lastStableOffset: 12 };
    expect(await read(version, response(version))).toMatchObject({
      clientSideThrottleTime: 7,
      response: { partitions: [{ ...partition, aborted: [{ producerId: 99, firstOffset: 11 }], bytes: log(2) }] },
    });
  });

  test('that is cut off is refused', () => {
    const whole = response(11);
    for (let length = 0; length < whole.length; length += 1) {
      expect(() => read(11, whole.subarray(0, length))).toThrow();
    }
  });
});
