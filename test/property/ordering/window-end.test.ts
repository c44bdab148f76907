/** When windows end: by the brokers' times, whatever stalls between the broker and the lane. In virtual time. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { advance, decide, type LogicBatch } from '../../../src/ordering/decide.js';
import { unknownConversations, unknownSenders } from '../../../src/ordering/needs.js';
import { nextDueMs } from '../../../src/ordering/state.js';
import { MAX_BEHIND_MS } from '../../../src/ordering/window-end.js';
import type { LogicOffset, Seq } from '../../../src/protocol/ids.js';
import { REORDER } from '../../support/reorder-rules.js';
import { freshState, recordOf, type Draft } from '../lane/records.js';

const WINDOW_MS = REORDER.windowMs;
const SILENCE_MS = 700;
const WALL_MS = 1_760_000_000_000;

/** A message on its way: when the broker had it, and when ingest put it into the lane's log. */
interface Passed {
  readonly draft: Draft & { readonly sender: string; readonly senderSeq: number };
  readonly brokerMs: number;
  readonly inLogMs: number;
}

interface Variant {
  /** How long the lane stands still after each batch. */
  readonly pausesMs?: readonly number[];
  readonly brokerErrorMs?: (brokerMs: number) => number;
  readonly breakage?: 'deadlines alone' | 'end of the log not asked for';
}

interface Out {
  readonly id: string;
  readonly late: boolean;
  readonly waitedMs: number;
}

/** What a lane delivers that takes at most 3 records at a time, stands still as told, and knows where its log ends. */
function run(log: readonly Passed[], { pausesMs = [], brokerErrorMs = () => 0, breakage }: Variant = {}): Out[] {
  const silenceMs = breakage === 'deadlines alone' ? 0 : SILENCE_MS;
  const state = freshState({ maxHeads: 100, maxSenders: 100, maxSeen: 100 }, { silenceMs });
  const out: Out[] = [];
  const heldAtMs = new Map<string, number>();
  let atMs = 0;
  for (let turn = 0; state.nextOffset < log.length || state.held.size > 0; turn++) {
    const from: number = state.nextOffset;
    const next = log[from];
    atMs = Math.max(atMs, Math.min(next?.inLogMs ?? Number.POSITIVE_INFINITY, nextDueMs(state) ?? Infinity));
    const end = log.filter(({ inLogMs }) => inLogMs <= atMs).length;
    const to = Math.min(end, from + 3);
    const batch: LogicBatch = {
      records: log.slice(from, to).map(({ draft, brokerMs }, index) => {
        const receivedAt = breakage === 'deadlines alone' ? 0 : WALL_MS + brokerMs + brokerErrorMs(brokerMs);
        return recordOf({ ...draft, receivedAt }, from + index);
      }),
      nextOffset: to as LogicOffset,
      ...(breakage === 'end of the log not asked for'
        ? {}
        : { end: { nextOffset: end as LogicOffset, askedMs: atMs } }),
    };
    for (const id of unknownConversations(state, batch)) state.heads.set(id, 0 as Seq);
    for (const key of unknownSenders(state, batch).keys()) state.senders.set(key, null);
    const plan = decide(state, batch, { nowMs: WALL_MS + atMs, monotonicMs: atMs });
    if (to === from && plan.stamped.length === 0) throw new Error(`nothing to do at ${atMs} ms`);
    advance(state, plan);
    for (const held of plan.held) heldAtMs.set(held.clientMsgId, atMs);
    for (const one of plan.stamped) {
      if (one.kind !== 'message') throw new Error(`a dead letter: ${one.detail}`);
      const { clientMsgId: id, late } = one;
      out.push({ id, late, waitedMs: atMs - (heldAtMs.get(id) ?? atMs) });
    }
    for (const { senderId } of plan.givenUp) {
      const own = plan.released.filter((one) => one.senderId === senderId);
      const longestMs = Math.max(...own.map(({ clientMsgId }) => atMs - (heldAtMs.get(clientMsgId) ?? atMs)));
      if (longestMs < WINDOW_MS) throw new Error(`given up after ${longestMs} ms`);
    }
    atMs += pausesMs[turn] ?? 0;
  }
  return out;
}

/**
 * Chains of some senders, each in an ingest partition of its own or shared, delayed on their way to the broker, and
 * behind it by stalls that keep the order of a partition.
 */
function traffic({ maxDelayMs, maxStallMs }: { maxDelayMs: number; maxStallMs: number }): fc.Arbitrary<Passed[]> {
  const message = fc.record({
    pauseMs: fc.integer({ min: 0, max: 300 }),
    delayMs: fc.integer({ min: 0, max: maxDelayMs }),
    stallMs: fc.integer({ min: 0, max: maxStallMs }),
  });
  return fc.array(fc.array(message, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 4 }).map((senders) => {
    const all = senders.flatMap((messages, number) => {
      let sentMs = 0;
      const sender = `sender ${number}`;
      return messages.map(({ pauseMs, delayMs, stallMs }, index) => {
        sentMs += pauseMs;
        const numbers = { senderSeq: index + 1, prevSenderSeq: index, senderEpoch: 1, sentAt: WALL_MS + sentMs };
        const place = { conversation: 1, ingestPartition: number % 2 };
        const draft = { ...place, clientMsgId: `${sender}:${index + 1}`, content: 0, sender, ...numbers };
        return { draft, brokerMs: sentMs + delayMs, stallMs };
      });
    });
    const reached = [0, 0];
    const inBrokerOrder = all.sort((a, b) => a.brokerMs - b.brokerMs);
    const passed = inBrokerOrder.map(({ draft, brokerMs, stallMs }) => {
      const inLogMs = Math.max(reached[draft.ingestPartition] ?? 0, brokerMs + stallMs);
      reached[draft.ingestPartition] = inLogMs;
      return { draft, brokerMs, inLogMs };
    });
    return passed.sort((a, b) => a.inLogMs - b.inLogMs);
  });
}

const pauses = fc.array(fc.constantFrom(0, 10, 400, 3_000), { maxLength: 20 });

/** What came to the broker more than a window after a later one of its sender, and nothing else, is late. */
function lateByBroker(log: readonly Passed[]): string[] {
  return log.flatMap(({ draft, brokerMs }) => {
    const isBeyond = log.some(
      (other) =>
        other.draft.sender === draft.sender &&
        other.draft.senderSeq > draft.senderSeq &&
        brokerMs > other.brokerMs + WINDOW_MS,
    );
    return isBeyond ? [draft.clientMsgId] : [];
  });
}

const lateOf = (out: readonly Out[]): string[] => out.flatMap(({ id, late }) => (late ? [id] : [])).sort();
const isFoundIn = <T>(cases: fc.Arbitrary<T>, holds: (one: T) => boolean): boolean =>
  fc.check(fc.property(cases, holds), { numRuns: 5_000, endOnFailure: true }).failed;

describe('within the window by the broker’s time', () => {
  const cases = fc.tuple(traffic({ maxDelayMs: WINDOW_MS, maxStallMs: SILENCE_MS }), pauses);

  test('nothing is late, whatever stalls behind the broker, and however long the lane stands still', () => {
    fc.assert(
      fc.property(cases, ([log, pausesMs]) => {
        const out = run(log, { pausesMs });
        expect([out.length, lateOf(out)]).toEqual([log.length, []]);
      }),
      { numRuns: 500 },
    );
  });

  test.each(['deadlines alone', 'end of the log not asked for'] as const)('the property can fail: %s', (breakage) => {
    expect(isFoundIn(cases, ([log, pausesMs]) => lateOf(run(log, { pausesMs, breakage })).length === 0)).toBe(true);
  });
});

describe('any delays, and nothing stalls', () => {
  const cases = traffic({ maxDelayMs: 4 * WINDOW_MS, maxStallMs: 0 });

  test('late is exactly what the broker had after the window, and nobody waits longer than that and a silence', () => {
    fc.assert(
      fc.property(cases, (log) => {
        const out = run(log);
        expect(lateOf(out)).toEqual(lateByBroker(log).sort());
        expect(Math.max(...out.map(({ waitedMs }) => waitedMs))).toBeLessThanOrEqual(WINDOW_MS + SILENCE_MS);
      }),
      { numRuns: 500 },
    );
  });

  test('the property can fail: a lane that doesn’t hear the broker’s times', () => {
    const isDeaf = (log: readonly Passed[]): string[] => lateOf(run(log, { brokerErrorMs: (ms) => -ms }));
    expect(isFoundIn(cases, (log) => isDeaf(log).join() === lateByBroker(log).sort().join())).toBe(true);
  });
});

test('a broker whose clock steps, however far: nothing is lost, let out before its deadline, or held for ever', () => {
  const errors = fc.array(fc.integer({ min: -4e6, max: 4e6 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(traffic({ maxDelayMs: 2 * WINDOW_MS, maxStallMs: 300 }), errors, pauses, (log, list, pausesMs) => {
      const out = run(log, { pausesMs, brokerErrorMs: (ms) => list[Math.floor(ms / 200) % list.length] ?? 0 });
      expect(new Set(out.map(({ id }) => id)).size).toBe(log.length);
      expect(Math.max(...out.map(({ waitedMs }) => waitedMs))).toBeLessThan(MAX_BEHIND_MS);
    }),
    { numRuns: 300 },
  );
});
