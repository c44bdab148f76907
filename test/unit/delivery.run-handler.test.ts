import { expect, test } from '@jest/globals';
import { silentLog } from '../../src/observe/log.js';
import { silentMetrics } from '../../src/observe/metrics.js';
import type { Delivery } from '../../src/protocol/delivery.js';
import { deliveryMetrics } from '../../src/stages/delivery/metrics.js';
import { runHandler, type DeliveryHandler } from '../../src/stages/delivery/run-handler.js';
import { ManualClock } from '../support/manual-clock.js';

const delivery = { conversationId: 'group:g', seq: 3 } as unknown as Delivery;

function setUp(handler: DeliveryHandler, attempts = 3) {
  const clock = new ManualClock();
  const ended = new AbortController();
  const closing = new AbortController();
  const deps = {
    handler,
    retry: { attempts, initialMs: 100, maxMs: 150, jitter: 0 },
    clock,
    log: silentLog,
    metrics: deliveryMetrics(silentMetrics),
  };
  const run = () => runHandler(deps, delivery, { ended: ended.signal, closing: closing.signal });
  return { clock, ended, closing, run };
}

test('a handler that fails is called again after a growing, bounded wait, each time told which attempt it is', async () => {
  const calledAt: number[] = [];
  const attempts: number[] = [];
  const { clock, run } = setUp((_, { attempt }) => {
    calledAt.push(clock.monotonicMs());
    attempts.push(attempt);
    return attempt < 4 ? Promise.reject(new Error('no')) : Promise.resolve();
  }, 4);
  const outcome = run();
  await clock.pass(10_000);
  expect(await outcome).toEqual({ kind: 'handled' });
  expect(attempts).toEqual([1, 2, 3, 4]);
  expect(calledAt.map((at) => at - (calledAt[0] ?? 0))).toEqual([0, 100, 250, 400]);
});

test('a handler that keeps failing has failed with its last error, thrown or rejected', async () => {
  const { clock, run } = setUp((_, { attempt }) => {
    throw new Error(`attempt ${attempt}`);
  });
  const outcome = run();
  await clock.pass(10_000);
  expect(await outcome).toEqual({ kind: 'failed', error: 'attempt 3' });
});

test('closing ends the wait between attempts, and the message is neither handled nor failed', async () => {
  const { clock, closing, run } = setUp(() => Promise.reject(new Error('no')));
  const outcome = run();
  await clock.pass(50);
  closing.abort();
  expect(await outcome).toEqual({ kind: 'abandoned' });
});

test('closing lets an attempt that runs end, and counts its success', async () => {
  let succeed = (): void => undefined;
  const { closing, run } = setUp(
    () =>
      new Promise((resolve) => {
        succeed = resolve;
      }),
  );
  const outcome = run();
  closing.abort();
  succeed();
  expect(await outcome).toEqual({ kind: 'handled' });
});

test('what a handler throws because its signal aborted is no failure, not even at the last attempt', async () => {
  const { ended, closing, run } = setUp(
    (_, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reject(new Error('aborted'));
        });
      }),
    1,
  );
  const outcome = run();
  closing.abort();
  ended.abort();
  expect(await outcome).toEqual({ kind: 'abandoned' });
});
