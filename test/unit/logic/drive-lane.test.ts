import { describe, expect, test } from '@jest/globals';
import { systemClock, type Clock } from '../../../src/clock/clock.js';
import { silentLog } from '../../../src/observe/log.js';
import { silentMetrics } from '../../../src/observe/metrics.js';
import type { Plan } from '../../../src/ordering/plan.js';
import type { LaneEpoch, LogicOffset, MsgId } from '../../../src/protocol/ids.js';
import type { Stamped } from '../../../src/protocol/message.js';
import type { KafkaRecord } from '../../../src/record.js';
import { BatchPace } from '../../../src/stages/logic/batch-pace.js';
import { LaneDriver } from '../../../src/stages/logic/drive-lane.js';
import type { ForwardOutcome, LaneEdges, StoreOutcome } from '../../../src/stages/logic/edges.js';
import { logicMetrics } from '../../../src/stages/logic/metrics.js';
import { REORDER } from '../../support/reorder-rules.js';
import { ManualClock } from '../../support/manual-clock.js';
import { heldMessage } from '../../support/stamped.js';
import { until as untilTrue } from '../../support/until.js';

/** Edges that do as told and write down what was asked. Records are garbage: every one becomes a dead letter. */
class ScriptedEdges implements LaneEdges {
  readonly calls: string[] = [];
  readonly stored: Stamped[] = [];
  readonly forwarded: Stamped[] = [];
  epochNow = 0;
  storeOutcome: () => StoreOutcome | Promise<StoreOutcome> = () => ({ kind: 'stored' });
  forwardOutcome: () => ForwardOutcome | Promise<ForwardOutcome> = () => ({ kind: 'committed' });
  logEnd = 1_000;
  endFailures = 0;
  #row = { nextOffset: 0 as LogicOffset, lastMsgId: 0n as MsgId };
  #committed: { nextOffset: number; metadata: string } | null = null;

  /** The lane stands here, and so does the group. */
  standAt(nextOffset: number): void {
    this.#row = { ...this.#row, nextOffset: nextOffset as LogicOffset };
    this.#committed = { nextOffset, metadata: '0' };
  }

  readonly store: LaneEdges['store'] = {
    take: async () => {
      this.calls.push('take');
      this.epochNow += 1;
      return { laneEpoch: this.epochNow as LaneEpoch, ...this.#row };
    },
    epoch: async () => this.epochNow as LaneEpoch,
    store: async (plan: Plan) => {
      this.calls.push(`store ${plan.fromOffset}-${plan.nextOffset}`);
      const outcome = await this.storeOutcome();
      if (outcome.kind === 'stored') {
        this.stored.push(...plan.stamped);
        this.#row = { nextOffset: plan.nextOffset, lastMsgId: plan.lastMsgId };
      }
      return outcome;
    },
    held: async () => [],
    senders: async () => new Map(),
    heads: async () => new Map(),
    stored: async () => [],
    unforwarded: async (after) => this.stored.filter(({ msgId }) => msgId > after),
  };

  readonly log: LaneEdges['log'] = {
    fence: async () => {
      this.calls.push('fence');
      return {
        forward: async (stamped, { nextOffset, watermark }) => {
          this.calls.push(`forward to ${nextOffset}`);
          const outcome = await this.forwardOutcome();
          if (outcome.kind === 'committed') {
            this.forwarded.push(...stamped);
            this.#committed = { nextOffset, metadata: watermark.toString() };
          }
          return outcome;
        },
        discard: async () => {
          this.calls.push('discard');
        },
      };
    },
    position: async () => ({ committed: this.#committed, logStart: 0, logEnd: this.logEnd }),
    end: async () => {
      if (this.endFailures-- > 0) throw new Error('broker away');
      return this.logEnd as LogicOffset;
    },
    open: (nextOffset) => this.calls.push(`open ${nextOffset}`),
    pause: () => this.calls.push('pause'),
    resume: () => this.calls.push('resume'),
  };
}

function records(from: number, to: number): KafkaRecord[] {
  return Array.from({ length: to - from }, (_, index) => ({
    topic: 'im.logic',
    partition: 0,
    offset: from + index,
    timestampMs: 0,
    key: Buffer.from('garbage'),
    value: Buffer.from('garbage'),
    headers: {},
  }));
}

interface Tuning {
  readonly queueRecords?: number;
  readonly turnMs?: number;
  readonly clock?: Clock;
  readonly mayStamp?: () => boolean;
}

function drive(edges: LaneEdges, tuning: Tuning = {}): LaneDriver {
  const { queueRecords = 100, turnMs = 0, clock = systemClock, mayStamp } = tuning;
  const driver = new LaneDriver({
    partition: 0,
    edges,
    limits: {
      batchMaxRecords: 10,
      paceRecords: 10,
      batchMaxBytes: 100_000,
      queue: { maxRecords: queueRecords, maxBytes: 1_000_000 },
      ordering: { maxHeads: 10, maxSenders: 10, maxSeen: 10, reorder: REORDER },
    },
    pace: new BatchPace({ minMs: turnMs, maxMs: turnMs }),
    clock,
    log: silentLog,
    metrics: logicMetrics(silentMetrics),
    mayStamp,
  });
  driver.start();
  return driver;
}

const until = async (condition: () => boolean, what: string): Promise<void> => {
  await untilTrue(what, condition, 5_000);
};
const running = (driver: LaneDriver): Promise<void> => until(() => driver.phase === 'running', 'a running lane');

test('a takeover fences PostgreSQL, then Kafka, and commits a position before the first batch', async () => {
  const edges = new ScriptedEdges();
  const driver = drive(edges);
  await running(driver);
  expect(edges.calls).toEqual(['take', 'fence', 'forward to 0', 'open 0']);
  driver.stop();
  expect(await driver.done).toEqual({ kind: 'released' });
});

test('a clock that may not stamp lets batches wait, keeps them all, and stops nothing else', async () => {
  const edges = new ScriptedEdges();
  let clockIsRight = false;
  let askedCount = 0;
  const mayStamp = (): boolean => {
    askedCount += 1;
    return clockIsRight;
  };
  const driver = drive(edges, { mayStamp, queueRecords: 20 });
  await running(driver); // taken over all the same
  driver.offer(records(0, 25));
  await until(() => askedCount > 3, 'the clock looked at again and again');
  expect(edges.calls).toEqual(['take', 'fence', 'forward to 0', 'open 0', 'pause']); // bounded
  clockIsRight = true;
  await until(() => edges.forwarded.length === 25, 'all records, once the clock is right');
  clockIsRight = false;
  driver.offer(records(25, 30));
  driver.stop(); // and a stop doesn't wait for the clock
  expect(await driver.done).toEqual({ kind: 'released' });
  expect(edges.stored).toHaveLength(25);
});

test('what is stored is forwarded, and a stop finishes what was begun', async () => {
  const edges = new ScriptedEdges();
  const driver = drive(edges);
  await running(driver);
  driver.offer(records(0, 25));
  await until(() => edges.calls.some((call) => call === 'store 0-10'), 'a first store');
  driver.stop();
  expect(await driver.done).toEqual({ kind: 'released' });
  expect(edges.forwarded.map(({ msgId }) => msgId)).toEqual(edges.stored.map(({ msgId }) => msgId));
  expect(edges.stored.length).toBeGreaterThan(0);
});

describe('the log must give the very next record', () => {
  test('records fetched again after a rebalance are dropped', async () => {
    const edges = new ScriptedEdges();
    const driver = drive(edges);
    await running(driver);
    driver.offer(records(0, 5));
    driver.offer(records(3, 8));
    await until(() => edges.forwarded.length === 8, '8 records forwarded');
    expect(edges.stored.map(({ place }) => place.offset)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    driver.stop();
    await driver.done;
  });

  test('a hole halts the lane: the records in it are lost, and a person must know', async () => {
    const edges = new ScriptedEdges();
    const driver = drive(edges);
    await running(driver);
    driver.offer(records(2, 5));
    expect(await driver.done).toEqual({
      kind: 'halted',
      reason: expect.stringMatching(/offsets 2 to 4 .* where 0 was next/),
    });
  });
});

describe('an unknown outcome is never assumed', () => {
  test('of a store: the lane is taken again and the batch replayed', async () => {
    const edges = new ScriptedEdges();
    const driver = drive(edges);
    await running(driver);
    let failures = 1;
    edges.storeOutcome = () => (failures-- > 0 ? { kind: 'unknown', cause: new Error('cut') } : { kind: 'stored' });
    driver.offer(records(0, 3));
    await until(() => edges.calls.filter((call) => call === 'open 0').length === 2, 'the lane open again');
    expect(edges.calls).toContain('discard');
    driver.offer(records(0, 3));
    await until(() => edges.forwarded.length === 3, '3 records forwarded');
    driver.stop();
    await driver.done;
  });

  test('of a forward: the next reign emits the rows again', async () => {
    const edges = new ScriptedEdges();
    const driver = drive(edges);
    await running(driver);
    let failures = 1;
    edges.forwardOutcome = () =>
      failures-- > 0 ? { kind: 'unknown', cause: new Error('cut') } : { kind: 'committed' };
    driver.offer(records(0, 3));
    await until(() => edges.forwarded.length === 3 && driver.phase === 'running', '3 records forwarded');
    expect(edges.calls.slice(-1)).toEqual(['open 3']);
    driver.stop();
    await driver.done;
  });
});

describe('a batch that PostgreSQL refuses', () => {
  test('for now (a full disk, say) is tried again until it is stored', async () => {
    const edges = new ScriptedEdges();
    const driver = drive(edges);
    await running(driver);
    let failures = 2;
    edges.storeOutcome = () =>
      failures-- > 0 ? { kind: 'refused', cause: new Error('disk full'), retryable: true } : { kind: 'stored' };
    for (let tries = 1; tries <= 3; tries++) {
      await until(() => edges.calls.filter((call) => call === 'open 0').length === tries, `opening ${tries}`);
      driver.offer(records(0, 2));
    }
    await until(() => edges.forwarded.length === 2, '2 records forwarded');
    expect(edges.calls.filter((call) => call === 'take').length).toBe(3);
    driver.stop();
    await driver.done;
  });

  test('for good halts the lane, saying why: it would be refused for ever', async () => {
    const edges = new ScriptedEdges();
    const driver = drive(edges);
    await running(driver);
    edges.storeOutcome = () => ({ kind: 'refused', cause: new Error('invalid byte'), retryable: false });
    driver.offer(records(0, 1));
    expect(await driver.done).toEqual({ kind: 'halted', reason: 'PostgreSQL refused a batch: invalid byte' });
  });
});

test.each(['storeOutcome', 'forwardOutcome'] as const)(
  'a former owner that is refused (%s) ends as fenced',
  async (edge) => {
    const edges = new ScriptedEdges();
    const driver = drive(edges);
    await running(driver);
    edges[edge] = () => ({ kind: 'fenced', cause: null }) as never;
    driver.offer(records(0, 1));
    expect(await driver.done).toEqual({ kind: 'fenced', by: edge === 'storeOutcome' ? 'postgres' : 'kafka' });
  },
);

test('an owner that stalled between its fences, and was overtaken, ends before it emits', async () => {
  const edges = new ScriptedEdges();
  const position = edges.log.position;
  edges.log.position = async () => {
    edges.epochNow += 1; // another owner took the lane
    return position();
  };
  expect(await drive(edges).done).toEqual({ kind: 'fenced', by: 'postgres' });
  expect(edges.calls.filter((call) => call.startsWith('forward'))).toEqual([]);
});

test('a full queue pauses the source, and half of it lets it go on', async () => {
  const edges = new ScriptedEdges();
  let release: () => void = () => undefined;
  const blocked = new Promise<StoreOutcome>((done) => (release = () => done({ kind: 'stored' })));
  const driver = drive(edges, { queueRecords: 30 });
  await running(driver);
  edges.storeOutcome = () => blocked;
  driver.offer(records(0, 45));
  expect(edges.calls).toContain('pause');
  expect(edges.calls).not.toContain('resume');
  release();
  await until(() => edges.forwarded.length === 45, 'all forwarded');
  expect(edges.calls).toContain('resume');
  driver.stop();
  await driver.done;
});

test('small batches keep their distance; one that is large enough, and the first after a rest, does not wait', async () => {
  const edges = new ScriptedEdges();
  let nowMs = 1_000;
  const sleepers: (() => void)[] = [];
  const clock: Clock = {
    ...systemClock,
    monotonicMs: () => nowMs,
    sleep: () => new Promise((wake) => sleepers.push(wake)),
  };
  const driver = drive(edges, { turnMs: 50, clock });
  await running(driver);
  const stores = (): number => edges.calls.filter((call) => call.startsWith('store')).length;
  driver.offer(records(0, 1));
  await until(() => edges.forwarded.length === 1, 'the first, at once');
  driver.offer(records(1, 2));
  driver.offer(records(2, 3));
  expect([stores(), sleepers.length]).toEqual([1, 1]);
  nowMs += 50;
  sleepers.pop()?.();
  await until(() => edges.forwarded.length === 3, 'what came meanwhile, in one batch');
  expect(stores()).toBe(2);
  driver.offer(records(3, 13));
  await until(() => edges.forwarded.length === 13, 'a large one, at once');
  driver.stop();
  await driver.done;
});

test('held messages go out when their window ends, without any record, and the timer rests when nothing is held', async () => {
  const edges = new ScriptedEdges();
  const clock = new ManualClock();
  const held = heldMessage({ logicOffset: 0 as LogicOffset, deadline: clock.nowMs() + 300 });
  edges.store.held = async () => [held];
  edges.standAt(1);
  edges.logEnd = 1;
  const driver = drive(edges, { clock });
  await running(driver);
  await clock.pass(299);
  expect(edges.stored).toEqual([]);
  await clock.pass(1);
  await until(() => edges.forwarded.length === 1, 'the held message forwarded');
  expect(edges.forwarded).toMatchObject([{ kind: 'message', clientMsgId: held.clientMsgId, late: false }]);
  expect(edges.calls.slice(-2)).toEqual(['store 1-1', 'forward to 1']);
  await clock.pass(10_000);
  expect(edges.calls.filter((call) => call.startsWith('store'))).toHaveLength(1);
  driver.stop();
  await driver.done;
});

test('a window that ended before the takeover waits for what the log has meanwhile', async () => {
  const edges = new ScriptedEdges();
  const clock = new ManualClock();
  edges.store.held = async () => [heldMessage({ logicOffset: 0 as LogicOffset, deadline: 0 })];
  edges.standAt(1);
  edges.logEnd = 3;
  const driver = drive(edges, { clock });
  await running(driver);
  await clock.pass(10_000);
  expect(edges.stored).toEqual([]);
  driver.offer(records(1, 3));
  await until(() => edges.stored.length === 3, 'two records and what was held');
  expect(edges.stored.map(({ kind }) => kind)).toEqual(['dead_letter', 'dead_letter', 'message']);
  driver.stop();
  await driver.done;
});

test('a window ends by silence only once the lane has what was in its log by then, however long that takes to come', async () => {
  const edges = new ScriptedEdges();
  const clock = new ManualClock();
  edges.store.held = async () => [heldMessage({ logicOffset: 0 as LogicOffset, deadline: clock.nowMs() + 300 })];
  edges.standAt(1);
  edges.logEnd = 1;
  const driver = drive(edges, { clock });
  await running(driver);
  edges.logEnd = 3; // two records that no fetch has brought
  edges.endFailures = 1;
  await clock.pass(10_000);
  expect(edges.stored).toEqual([]);
  driver.offer(records(1, 2));
  await until(() => edges.stored.length === 1, 'the first of them');
  await clock.pass(10_000);
  expect(edges.stored).toHaveLength(1);
  driver.offer(records(2, 3));
  await until(() => edges.stored.length === 3, 'the second, and what was held');
  expect(edges.stored.at(-1)).toMatchObject({ kind: 'message', late: false });
  driver.stop();
  await driver.done;
});

test('a takeover step that fails is tried again, and a bug of ours is not', async () => {
  const edges = new ScriptedEdges();
  const fence = edges.log.fence;
  let failures = 2;
  edges.log.fence = async () => {
    if (failures-- > 0) throw new Error('broker away');
    return fence();
  };
  const driver = drive(edges);
  await running(driver);
  expect(edges.calls.filter((call) => call === 'take').length).toBe(3);
  driver.stop();
  await driver.done;
  const broken = new ScriptedEdges();
  broken.store.take = async () => {
    throw new TypeError('undefined is not a function');
  };
  await expect(drive(broken).done).rejects.toThrow(TypeError);
});
