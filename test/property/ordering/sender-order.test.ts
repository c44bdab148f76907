/** Sender order as a lane decides it, in virtual time: whatever the network does to what senders numbered. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { advance, decide, type LogicBatch } from '../../../src/ordering/decide.js';
import { unknownConversations, unknownSenders } from '../../../src/ordering/needs.js';
import type { ReorderRules } from '../../../src/ordering/options.js';
import { nextDueMs, type OrderingState } from '../../../src/ordering/state.js';
import type { LogicOffset, Seq } from '../../../src/protocol/ids.js';
import { REORDER } from '../../support/reorder-rules.js';
import { freshState, recordOf, type Draft } from '../lane/records.js';

const WINDOW_MS = REORDER.windowMs;
const WALL_MS = 1_760_000_000_000;

/** A message that a sender numbered, and when its copies reach the lane. */
interface Sent {
  readonly draft: Draft;
  readonly arrivalsMs: readonly number[];
}

interface Delivered {
  readonly id: string;
  readonly sender: string;
  readonly senderSeq: number;
  readonly late: boolean;
  readonly atMs: number;
}

interface Variant {
  readonly rules?: Partial<ReorderRules>;
  /** The wall clock's error at a moment of true time. */
  readonly clockErrorMs?: (atMs: number) => number;
  /** Something broken: the properties must see it. */
  readonly breakage?: 'wall clock for windows' | 'heads forgotten';
}

interface Run {
  readonly delivered: readonly Delivered[];
  readonly mostHeld: number;
}

/** What comes out of a lane that takes each record as it comes, and looks again whenever a window ends. */
function run(sent: readonly Sent[], variant: Variant = {}): Run {
  const { rules = {}, clockErrorMs = () => 0, breakage } = variant;
  const state = freshState({ maxHeads: 1_000, maxSenders: 1_000, maxSeen: 1_000 }, rules);
  const arrivals = sent
    .flatMap(({ draft, arrivalsMs }) => arrivalsMs.map((atMs) => ({ draft, atMs })))
    .sort((a, b) => a.atMs - b.atMs);
  const delivered: Delivered[] = [];
  let mostHeld = 0;
  const take = (atMs: number, drafts: readonly Draft[]): void => {
    const nowMs = WALL_MS + atMs + clockErrorMs(atMs);
    const plan = decideBatch(state, drafts, {
      nowMs,
      monotonicMs: breakage === 'wall clock for windows' ? nowMs : atMs,
    });
    mostHeld = Math.max(mostHeld, state.held.size);
    if (breakage === 'heads forgotten') for (const key of plan.senders.keys()) state.senders.set(key, null);
    for (const one of plan.stamped) {
      if (one.kind !== 'message') throw new Error(`a dead letter: ${one.detail}`);
      const { clientMsgId: id, senderId: sender, senderSeq, late } = one;
      delivered.push({ id, sender, senderSeq: senderSeq ?? 0, late, atMs });
    }
  };
  const originMs = breakage === 'wall clock for windows' ? WALL_MS : 0;
  for (let next = 0; next < arrivals.length || state.held.size > 0;) {
    const dueMs = (nextDueMs(state) ?? Number.POSITIVE_INFINITY) - originMs;
    const arrival = arrivals[next];
    if (arrival === undefined || dueMs < arrival.atMs) {
      const before = delivered.length;
      take(dueMs, []);
      if (delivered.length === before) throw new Error(`held beyond its window, at ${dueMs} ms`);
    } else {
      next += 1;
      take(arrival.atMs, [arrival.draft]);
    }
  }
  return { delivered, mostHeld };
}

function decideBatch(state: OrderingState, drafts: readonly Draft[], now: Parameters<typeof decide>[2]) {
  const { nextOffset } = state;
  const batch: LogicBatch = {
    records: drafts.map((draft, index) => recordOf(draft, nextOffset + index)),
    nextOffset: (nextOffset + drafts.length) as LogicOffset,
  };
  for (const id of unknownConversations(state, batch)) state.heads.set(id, 0 as Seq);
  for (const key of unknownSenders(state, batch).keys()) state.senders.set(key, null);
  const plan = decide(state, batch, now);
  advance(state, plan);
  return plan;
}

interface Shape {
  readonly maxDelayMs: number;
  /** Whether messages name the one before them. */
  readonly chained?: boolean;
}

/** Some senders in one conversation: numbers that grow in steps of any size, delays, copies. */
function traffic({ maxDelayMs, chained = true }: Shape): fc.Arbitrary<Sent[]> {
  const message = fc.record({
    step: fc.integer({ min: 1, max: 3 }),
    pauseMs: fc.integer({ min: 0, max: 300 }),
    delaysMs: fc.array(fc.integer({ min: 0, max: maxDelayMs }), { minLength: 1, maxLength: 2 }),
  });
  return fc.array(fc.array(message, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 3 }).map((senders) =>
    senders.flatMap((messages, number) => {
      let [senderSeq, sentMs] = [0, 0];
      return messages.map(({ step, pauseMs, delaysMs }, index) => {
        const prevSenderSeq = senderSeq;
        senderSeq += step;
        sentMs += pauseMs;
        const sender = `sender ${number}`;
        const draft: Draft = {
          ...{ conversation: 1, clientMsgId: `${sender}:${index}`, content: number, sender, senderSeq },
          ...{ senderEpoch: number, sentAt: WALL_MS + sentMs },
          ...(chained ? { prevSenderSeq } : {}),
        };
        const at = sentMs;
        return { draft, arrivalsMs: delaysMs.map((delayMs) => at + delayMs) };
      });
    }),
  );
}

const firstOf = ({ arrivalsMs }: Sent): number => Math.min(...arrivalsMs);
const senderOf = ({ draft }: Sent): string => draft.sender ?? '';

/** What promise 3 forbids where every delay is within the window; and waiting for anything but one's own earlier ones. */
function brokenWithinWindow(sent: readonly Sent[], { delivered }: Run): string[] {
  const found = brokenAlways(sent, { delivered, mostHeld: 0 });
  for (const { id, late } of delivered) if (late) found.push(`${id} is late`);
  for (const one of sent) {
    const before = sent.filter(
      (other) => senderOf(other) === senderOf(one) && (other.draft.senderSeq ?? 0) <= (one.draft.senderSeq ?? 0),
    );
    const turnMs = Math.max(...before.map(firstOf));
    const out = delivered.find(({ id }) => id === one.draft.clientMsgId);
    if (out?.atMs !== turnMs) found.push(`${one.draft.clientMsgId} went out at ${out?.atMs}, its turn was ${turnMs}`);
  }
  return found;
}

/** What holds whatever the delays: everything once, `late` exactly on what comes after its turn, no longer wait. */
function brokenAlways(sent: readonly Sent[], { delivered }: Run): string[] {
  const found: string[] = [];
  const ids = delivered.map(({ id }) => id);
  if (new Set(ids).size !== ids.length || ids.length !== sent.length) found.push(`${ids.length} of ${sent.length}`);
  const turn = new Map<string, number>();
  for (const { id, sender, senderSeq, late, atMs } of delivered) {
    const reached = turn.get(sender) ?? 0;
    if (late !== senderSeq <= reached) found.push(`${id}, number ${senderSeq} after ${reached}, late: ${late}`);
    turn.set(sender, Math.max(reached, senderSeq));
    const arrivedMs = firstOf(sent.find(({ draft }) => draft.clientMsgId === id) as Sent);
    if (atMs > arrivedMs + WINDOW_MS) found.push(`${id} waited ${atMs - arrivedMs} ms`);
  }
  return found;
}

function failsSomewhere(
  shape: Shape,
  broken: (sent: readonly Sent[], run: Run) => string[],
  variant: Variant,
): boolean {
  const property = fc.property(traffic(shape), (sent) => broken(sent, run(sent, variant)).length === 0);
  return fc.check(property, { numRuns: 5_000, endOnFailure: true }).failed;
}

describe('delays within the window', () => {
  test('each sender’s messages go out in its order, none late, each in the moment its turn comes', () => {
    fc.assert(
      fc.property(traffic({ maxDelayMs: WINDOW_MS }), (sent) => {
        expect(brokenWithinWindow(sent, run(sent))).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  test('the property can fail: without a window, or with longer delays', () => {
    expect(failsSomewhere({ maxDelayMs: WINDOW_MS }, brokenWithinWindow, { rules: { windowMs: 0 } })).toBe(true);
    expect(failsSomewhere({ maxDelayMs: 2 * WINDOW_MS }, brokenWithinWindow, {})).toBe(true);
  });
});

describe('any delays', () => {
  test.each([
    ['with numbers that name the one before', true],
    ['with bare numbers', false],
  ])(
    '%s: nothing is lost, late is exactly what comes after its turn, nobody waits longer than the window',
    (_, chained) => {
      fc.assert(
        fc.property(traffic({ maxDelayMs: 4 * WINDOW_MS, chained }), (sent) => {
          const found = run(sent);
          expect(brokenAlways(sent, found)).toEqual([]);
          if (!chained) expect(found.mostHeld).toBe(0);
        }),
        { numRuns: 300 },
      );
    },
  );

  test('bounds of any size: no more is held, nothing is lost, late stays exact', () => {
    const bounds = fc.record({
      maxPerSender: fc.integer({ min: 1, max: 4 }),
      maxCount: fc.integer({ min: 1, max: 6 }),
    });
    fc.assert(
      fc.property(traffic({ maxDelayMs: 4 * WINDOW_MS }), bounds, (sent, rules) => {
        const found = run(sent, { rules });
        expect(brokenAlways(sent, found)).toEqual([]);
        expect(found.mostHeld).toBeLessThanOrEqual(Math.min(rules.maxCount, 3 * rules.maxPerSender));
      }),
      { numRuns: 300 },
    );
    const unbounded = fc.property(traffic({ maxDelayMs: 4 * WINDOW_MS }), (sent) => run(sent).mostHeld <= 3);
    expect(fc.check(unbounded).failed).toBe(true); // the bounds are reached
  });

  test('the property can fail: a lane that forgets how far senders have come', () => {
    expect(failsSomewhere({ maxDelayMs: 4 * WINDOW_MS }, brokenAlways, { breakage: 'heads forgotten' })).toBe(true);
  });
});

describe('a wall clock that steps, either way and however far', () => {
  const steps = fc.array(fc.record({ atMs: fc.nat(3_000), byMs: fc.integer({ min: -4e6, max: 4e6 }) }), {
    maxLength: 4,
  });
  const errorOf =
    (list: readonly { atMs: number; byMs: number }[]) =>
    (atMs: number): number =>
      list.reduce((sum, step) => sum + (step.atMs <= atMs ? step.byMs : 0), 0);

  test('changes nothing: what goes out, when, and what is late', () => {
    fc.assert(
      fc.property(traffic({ maxDelayMs: 2 * WINDOW_MS }), steps, (sent, list) => {
        expect(run(sent, { clockErrorMs: errorOf(list) })).toEqual(run(sent));
      }),
      { numRuns: 200 },
    );
  });

  test('the property can fail: windows measured by the wall clock', () => {
    const property = fc.property(traffic({ maxDelayMs: 2 * WINDOW_MS }), steps, (sent, list) => {
      const stepped = run(sent, { clockErrorMs: errorOf(list), breakage: 'wall clock for windows' });
      return JSON.stringify(stepped.delivered) === JSON.stringify(run(sent).delivered);
    });
    expect(fc.check(property, { numRuns: 1_000 }).failed).toBe(true);
  });
});
