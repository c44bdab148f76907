import { expect, test } from '@jest/globals';
import { InorderError } from '../../src/errors.js';
import { silentLog } from '../../src/observe/log.js';
import type { ConversationId } from '../../src/protocol/ids.js';
import type { StampedMessage } from '../../src/protocol/message.js';
import { readHistoryPage, type DeliveryHistory } from '../../src/stages/delivery/history.js';
import { ManualClock } from '../support/manual-clock.js';

const conversationId = 'group:g' as ConversationId;

function setUp(read: (call: number) => readonly number[]) {
  const clock = new ManualClock();
  const calls: number[] = [];
  const history: DeliveryHistory = {
    read: async () => {
      await Promise.resolve();
      calls.push(clock.monotonicMs());
      return read(calls.length).map((seq) => ({ seq }) as unknown as StampedMessage);
    },
  };
  const repair = { initialMs: 100, maxMs: 100, jitter: 0, timeoutMs: 1_000, pageSize: 10 };
  const closing = new AbortController();
  const deps = { history, repair, clock, log: silentLog };
  const page = (fromSeq: number, toSeq: number) =>
    readHistoryPage(deps, conversationId, { fromSeq, toSeq }, closing.signal);
  return { clock, calls, closing, page };
}

function seqsOf(page: Awaited<ReturnType<typeof readHistoryPage>>): number[] {
  return page.kind === 'messages' ? page.messages.map(({ seq }) => seq) : [];
}

test('gives the messages up to the first hole', async () => {
  const { page } = setUp(() => [4, 5, 7]);
  expect(seqsOf(await page(4, 8))).toEqual([4, 5]);
});

test('gives nothing beyond what was asked for', async () => {
  const { page } = setUp(() => [4, 5, 6]);
  expect(seqsOf(await page(4, 5))).toEqual([4, 5]);
});

test('asks again while the first message is missing, and takes it when it comes', async () => {
  const { clock, calls, page } = setUp((call) => (call < 4 ? [5] : [4, 5]));
  const answer = page(4, 5);
  await clock.pass(5_000);
  expect(seqsOf(await answer)).toEqual([4, 5]);
  expect(calls).toHaveLength(4);
});

test('what stays missing is missing after the time-out, no sooner and not much later', async () => {
  const { clock, calls, page } = setUp(() => []);
  const answer = page(4, 5);
  await clock.pass(60_000);
  expect(await answer).toEqual({ kind: 'missing', why: 'history has no message with seq 4' });
  expect((calls.at(-1) ?? 0) - (calls[0] ?? 0)).toBe(1_000);
});

test('a history that fails is a missing message after the time-out', async () => {
  const { clock, page } = setUp(() => {
    throw new Error('syntax error');
  });
  const answer = page(4, 5);
  await clock.pass(60_000);
  expect(await answer).toEqual({ kind: 'missing', why: 'history could not be read: syntax error' });
});

test("while the history can't be reached the time-out doesn't run", async () => {
  const { clock, page } = setUp((call) => {
    if (call < 100) throw new InorderError('postgres_unavailable', 'connection refused');
    return [4];
  });
  const answer = page(4, 4);
  await clock.pass(60_000);
  expect(seqsOf(await answer)).toEqual([4]);
});

test('closing ends the wait', async () => {
  const { clock, closing, page } = setUp(() => []);
  const answer = page(4, 5);
  await clock.pass(250);
  closing.abort();
  expect(await answer).toEqual({ kind: 'abandoned' });
});
