import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Timeline, type TimelineChange } from '../../src/client/timeline.js';
import { comparePlaces, TimelineEntry, type TimelineDelivery } from '../../src/client/timeline-entry.js';
import {
  adversarialSets,
  arrivals,
  CHAT,
  deliverWithoutWaiting,
  deliveryOf,
  orderByDefinition,
} from './client.timeline.arbitraries.js';

const RUNS = { numRuns: 500 };

function shown(deliveries: readonly TimelineDelivery[]): number[] {
  const timeline = new Timeline();
  for (const delivery of deliveries) timeline.add(delivery);
  return timeline.messages.map(({ seq }) => seq);
}

/** A set, and an order to add it in, some of it more than once. */
const added = adversarialSets.chain((set) =>
  fc.record({
    set: fc.constant(set),
    added: fc
      .tuple(fc.shuffledSubarray(set, { minLength: set.length }), fc.array(fc.constantFrom(...set), { maxLength: 10 }))
      .chain(([all, again]) => fc.shuffledSubarray([...all, ...again], { minLength: all.length + again.length })),
  }),
);

describe('on any set, also one that no lane would write', () => {
  test('the order is that of the rule as written down, however and however often the messages were added', () => {
    fc.assert(
      fc.property(added, (run) => {
        expect(shown(run.added)).toEqual(orderByDefinition(run.set));
      }),
      RUNS,
    );
  });

  test('at every step the order is a function of what was seen, and the changes lead to it', () => {
    fc.assert(
      fc.property(added, (run) => {
        const timeline = new Timeline();
        const view: TimelineDelivery[] = [];
        const seen = new Map<number, TimelineDelivery>();
        for (const delivery of run.added) {
          const update = timeline.add(delivery);
          expect(update.kind).toBe(seen.has(delivery.seq) ? 'duplicate' : 'added');
          seen.set(delivery.seq, delivery);
          for (const change of update.changes) apply(change, view);
          expect(view).toEqual(timeline.messages);
          expect(view.map(({ seq }) => seq)).toEqual(orderByDefinition([...seen.values()]));
        }
      }),
      { numRuns: 200 },
    );
  });

  test('gaps are exactly what is missing below the highest seq seen', () => {
    fc.assert(
      fc.property(added, fc.integer({ min: 1, max: 20 }), (run, fromSeq) => {
        const timeline = new Timeline({ fromSeq });
        for (const delivery of run.added) timeline.add(delivery);
        const seen = new Set(run.set.map(({ seq }) => seq));
        const missing: number[] = [];
        for (let seq = fromSeq; seq < Math.max(...seen); seq++) if (!seen.has(seq)) missing.push(seq);
        expect(timeline.gaps.flatMap(({ fromSeq: a, toSeq: b }) => range(a, b))).toEqual(missing);
        for (const [index, gap] of timeline.gaps.entries()) {
          expect(gap.fromSeq).toBeGreaterThan((timeline.gaps[index - 1]?.toSeq ?? -1) + 1);
        }
      }),
      RUNS,
    );
  });

  test('places are compared by a total, transitive order', () => {
    const place = fc.integer({ min: 1, max: 4 });
    const entries = fc
      .tuple(place, place, fc.nat({ max: 2 }), place, fc.nat({ max: 1 }))
      .map(([seq, at, life, number, epoch]) => {
        const draft = { seq, senderId: 'alice', senderSeq: number, senderEpoch: epoch, sentAt: 0 };
        const entry = new TimelineEntry(deliveryOf(draft));
        entry.placeSeq = at;
        entry.lifeSeq = life;
        return entry;
      });
    fc.assert(
      fc.property(entries, entries, entries, (a, b, c) => {
        expectTransitive(comparePlaces, a, b, c);
      }),
      { numRuns: 3_000 },
    );
  });

  test('the test of transitivity sees an order that mixes two', () => {
    // "Of one sender by number, else by seq": what one is tempted to hand to sort().
    const mixed = (a: TimelineDelivery, b: TimelineDelivery): number =>
      a.senderId === b.senderId ? a.senderSeq! - b.senderSeq! : a.seq - b.seq;
    const one = deliveryOf({ seq: 1, senderId: 'alice', senderSeq: 2, sentAt: 0 });
    const two = deliveryOf({ seq: 2, senderId: 'bob', senderSeq: 1, sentAt: 0 });
    const three = deliveryOf({ seq: 3, senderId: 'alice', senderSeq: 1, sentAt: 0 });
    expect(() => expectTransitive(mixed, one, two, three)).toThrow();
  });
});

test("a single chat shows each sender's messages in the order sent, however late some came; the rest stays by seq", () => {
  let lateCount = 0;
  fc.assert(
    fc.property(arrivals, (arrived) => {
      const deliveries = deliverWithoutWaiting(arrived);
      lateCount += deliveries.filter(({ late }) => late).length;
      const timeline = new Timeline();
      for (const delivery of deliveries) timeline.add(delivery);
      for (const sender of ['alice', 'bob']) {
        const own = timeline.messages.filter(({ senderId }) => senderId === sender);
        const inOrder = [...own].sort((a, b) => a.senderEpoch! - b.senderEpoch! || a.senderSeq! - b.senderSeq!);
        expect(own).toEqual(inOrder);
      }
      const onTime = timeline.messages.filter(({ late }) => late !== true).map(({ seq }) => seq);
      expect(onTime).toEqual([...onTime].sort((a, b) => a - b));
    }),
    RUNS,
  );
  expect(lateCount).toBeGreaterThan(RUNS.numRuns);
});

test('a group shows all messages by seq, late ones too', () => {
  fc.assert(
    fc.property(added, (run) => {
      const inGroup = run.added.map((delivery) => ({ ...delivery, conversationId: 'group:g' }));
      expect(shown(inGroup)).toEqual([...new Set(run.set.map(({ seq }) => seq))].sort((a, b) => a - b));
    }),
    RUNS,
  );
});

test('a hundred thousand messages: the last ones cost about what the first ones did', () => {
  const timeline = new Timeline();
  const total = 100_000;
  const part = 10_000;
  const spent: number[] = [];
  for (let seq = 1, begun = process.cpuUsage(); seq <= total; seq++) {
    // One in a hundred came late, and one in a hundred is added out of order.
    const late = seq % 100 === 0;
    timeline.add(
      deliveryOf({
        seq: seq % 100 === 50 ? seq + 1 : seq % 100 === 51 ? seq - 1 : seq,
        senderId: seq % 2 === 0 ? 'alice' : 'bob',
        senderSeq: late ? seq - 5 : seq,
        sentAt: seq,
        ...(late ? { late } : {}),
      }),
    );
    if (seq % part === 0) {
      const { user } = process.cpuUsage(begun);
      spent.push(user);
      begun = process.cpuUsage();
    }
  }
  expect(timeline.messages).toHaveLength(total);
  expect(timeline.gaps).toEqual([]);
  const first = Math.max(...spent.slice(0, 3));
  const last = Math.min(...spent.slice(-3));
  // Linear cost an add would be tenfold here, and a sort of everything far more.
  expect(last / first).toBeLessThan(4);
});

test('another message with the same seq is reported, and changes nothing', () => {
  const first = deliveryOf({ seq: 1, senderId: 'alice', senderSeq: 1, sentAt: 0 });
  const timeline = new Timeline();
  timeline.add(first);
  expect(timeline.add({ ...first, body: { n: 1 } }).kind).toBe('duplicate');
  expect(timeline.add({ ...first, body: { n: 2 } })).toEqual({ kind: 'conflict', changes: [], known: first });
  expect(timeline.add({ ...first, clientMsgId: 'other' }).kind).toBe('conflict');
  expect(timeline.messages).toEqual([first]);
});

test.each([
  [{ seq: 0 }, 'seq is 0'],
  [{ seq: 1.5 }, 'seq is 1.5'],
  [{ conversationId: 'single:x:y' }, 'is of single:x:y'],
  [{ senderSeq: 0 }, 'senderSeq of the message with seq 1 is 0'],
  [{ senderEpoch: -1 }, 'senderEpoch of the message with seq 1 is -1'],
  [{ sentAt: Number.NaN }, 'has no sentAt'],
])('what is no delivery of the conversation is refused: %j', (wrong, message) => {
  const timeline = new Timeline({ conversationId: CHAT });
  const sound = deliveryOf({ seq: 1, senderId: 'alice', senderSeq: 1, sentAt: 0 });
  expect(() => timeline.add({ ...sound, ...wrong })).toThrow(message);
  expect(timeline.messages).toEqual([]);
});

function apply(change: TimelineChange<TimelineDelivery>, view: TimelineDelivery[]): void {
  if (change.kind === 'move') view.splice(change.from, 1);
  view.splice(change.kind === 'move' ? change.to : change.at, 0, change.message);
}

function expectTransitive<T>(compare: (a: T, b: T) => number, a: T, b: T, c: T): void {
  expect(Math.sign(compare(a, b)) + Math.sign(compare(b, a))).toBe(0);
  if (compare(a, b) <= 0 && compare(b, c) <= 0) expect(compare(a, c)).toBeLessThanOrEqual(0);
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}
