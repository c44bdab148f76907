import { expect, test } from '@jest/globals';
import { InorderError } from '../../src/errors.js';
import type { GroupSourceHandlers } from '../../src/kafka/group-contract.js';
import { silentLog } from '../../src/observe/log.js';
import { silentMetrics } from '../../src/observe/metrics.js';
import type { OutgoingRecord } from '../../src/record.js';
import { INGEST_LIMITS, IngestStage } from '../../src/stages/ingest/ingest-stage.js';
import { ingestMetrics } from '../../src/stages/ingest/metrics.js';
import { ManualClock, settled } from '../support/manual-clock.js';

interface Send {
  readonly records: readonly OutgoingRecord[];
  readonly succeed: () => void;
  readonly fail: () => void;
}

function setUp({ joins = true } = {}) {
  const clock = new ManualClock();
  const sends: Send[] = [];
  const calls: string[] = [];
  const fatal: InorderError[] = [];
  let handlers!: GroupSourceHandlers;
  const stage = new IngestStage({
    topic: 't.ingest',
    openSource: (given) => {
      handlers = given;
      return {
        start: async () => {
          await settled();
          if (!joins) throw new InorderError('kafka_unavailable', 'no broker answers');
        },
        pause: () => undefined,
        resume: () => undefined,
        seek: () => undefined,
        commit: async (positions) => {
          await Promise.resolve();
          calls.push(`commit ${positions.map(({ nextOffset }) => nextOffset).join(' ')}`);
        },
        stop: async () => {
          await settled();
          calls.push('leave');
        },
      };
    },
    producer: {
      send: (records) =>
        new Promise((resolve, reject) => {
          sends.push({
            records,
            succeed: resolve,
            fail: () => {
              reject(new Error('no leader'));
            },
          });
        }),
      reset: async () => {
        await Promise.resolve();
        calls.push('reset');
      },
      close: async () => {
        await settled();
        calls.push('close');
      },
    },
    router: {
      route: ({ offset }) => ({
        ...{ topic: 't.logic', partition: 0, key: null, value: null, headers: {} },
        ...{ nextOffset: offset + 1, byteLength: 100, refusedFor: null },
      }),
      routeUndecodable: () => {
        throw new Error('there is none');
      },
    },
    limits: INGEST_LIMITS,
    clock,
    log: silentLog,
    metrics: ingestMetrics(silentMetrics),
    onFatal: (error) => {
      fatal.push(error);
    },
  });
  const fetched = async (offset: number): Promise<void> => {
    const record = { topic: 't.ingest', partition: 0, offset, timestampMs: 0, key: null, value: null, headers: {} };
    handlers.onBatch({
      ...{ topic: 't.ingest', partition: 0, records: [record], undecodable: [] },
      ...{ byteLength: 100, highWatermark: offset + 1, nextOffset: offset + 1 },
    });
    await settled();
  };
  const joined = async (): Promise<void> => {
    const started = stage.start();
    await settled();
    handlers.onAssigned(new Map([['t.ingest', [0]]]));
    await started;
  };
  return { stage, clock, sends, calls, fatal, fetched, joined, handlers };
}

test('is ready when the group was joined, and says what it waits for until then', async () => {
  const { stage, joined } = setUp();
  expect(stage.health()).toEqual({ ready: false, reasons: ['ingest: is new'] });
  const started = stage.start();
  expect(stage.health().reasons).toEqual(['ingest: not yet in the group']);
  await started;
  await joined();
  expect(stage.health()).toEqual({ ready: true, reasons: [] });
});

test('while sends fail the same records are sent again, nothing is committed, and health says why', async () => {
  const { stage, clock, sends, calls, fetched, joined } = setUp();
  await joined();
  await fetched(0);
  for (let i = 0; i < 5; i++) {
    sends[i]?.fail();
    await clock.pass(10_000);
    expect(sends).toHaveLength(i + 2);
  }
  expect(stage.health().reasons).toEqual(["ingest: can't send: no leader"]);
  expect(calls).toEqual(Array.from({ length: 5 }, () => 'reset'));
  expect(new Set(sends.map(({ records }) => records[0]))).toHaveProperty('size', 1);
  sends[5]?.succeed();
  await clock.pass(250);
  expect(calls.at(-1)).toBe('commit 1');
  expect(stage.health().ready).toBe(true);
});

test('a stop waits for the send in flight, commits it, leaves, and sends nothing of what was queued', async () => {
  const { stage, clock, sends, calls, fetched, joined } = setUp();
  await joined();
  await fetched(0);
  await fetched(1);
  const stopped = stage.stop(10_000);
  await clock.pass(1_000);
  expect(calls).toEqual([]);
  sends[0]?.succeed();
  await stopped;
  expect(calls).toEqual(['commit 1', 'leave', 'close']);
  expect(sends).toHaveLength(1);
  await fetched(2);
  expect(stage.health().reasons).toEqual(['ingest: is stopped']);
});

test('a stop that runs out of time leaves without committing what was not acknowledged', async () => {
  const { stage, clock, sends, calls, fetched, joined } = setUp();
  await joined();
  await fetched(0);
  sends[0]?.fail();
  const stopped = stage.stop(10_000);
  await clock.pass(20_000);
  await stopped;
  expect(calls.filter((call) => call !== 'reset')).toEqual(['leave', 'close']);
});

test('a start that fails leaves nothing open', async () => {
  const { stage, clock, calls } = setUp({ joins: false });
  const started = stage.start();
  await expect(Promise.all([started, clock.pass(1_000)])).rejects.toMatchObject({ code: 'kafka_unavailable' });
  expect(calls).toEqual(['leave', 'close']);
});

test('a source that ended for good is fatal once, and the stage can still be stopped', async () => {
  const { stage, clock, fatal, handlers, joined } = setUp();
  await joined();
  const error = new InorderError('consumer_crashed', 'the consumer has ended');
  handlers.onFatal(error);
  handlers.onFatal(error);
  expect(fatal).toEqual([error]);
  expect(stage.health().reasons).toEqual(['ingest: failed: the consumer has ended']);
  const stopped = stage.stop(1_000);
  await clock.pass(2_000);
  await stopped;
});
