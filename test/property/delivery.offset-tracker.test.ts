import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { OffsetTracker, type Ticket } from '../../src/stages/delivery/offset-tracker.js';

/** Steps of offsets (markers of transactions leave holes), and which of the open ones is finished after each. */
const history = fc.array(
  fc.record({ step: fc.integer({ min: 1, max: 3 }), finishes: fc.array(fc.nat(200), { maxLength: 3 }) }),
  { maxLength: 300 },
);

test('the position is the first unfinished offset, or the one after the last: never beyond what is unfinished', () => {
  fc.assert(
    fc.property(history, (steps) => {
      const tracker = new OffsetTracker();
      const open = new Map<number, Ticket>();
      let offset = -1;
      let highestFinished = -1;
      for (const { step, finishes } of steps) {
        offset += step;
        open.set(offset, tracker.begin(offset));
        for (const pick of finishes) {
          const chosen = [...open][pick % Math.max(1, open.size)];
          if (chosen === undefined) continue;
          const before = tracker.nextOffset;
          open.delete(chosen[0]);
          highestFinished = Math.max(highestFinished, chosen[0]);
          expect(tracker.finish(chosen[1])).toBe(tracker.nextOffset !== before);
        }
        const [firstOpen = Infinity] = [...open.keys()];
        const { nextOffset } = tracker;
        if (nextOffset !== null) {
          expect(nextOffset).toBeLessThanOrEqual(firstOpen);
          expect(nextOffset).toBeLessThanOrEqual(highestFinished + 1);
        }
        if (open.size === 0) expect(nextOffset).toBe(highestFinished + 1);
      }
      for (const ticket of open.values()) tracker.finish(ticket);
      expect(tracker.length).toBe(0);
      if (offset >= 0) expect(tracker.nextOffset).toBe(offset + 1);
    }),
  );
});

test('memory is bounded by what lies behind the first unfinished offset, not by what went through', () => {
  const tracker = new OffsetTracker();
  for (let offset = 0; offset < 10_000; offset++) {
    const ticket = tracker.begin(offset);
    expect(tracker.length).toBe(1);
    tracker.finish(ticket);
  }
  expect(tracker.length).toBe(0);
  expect(tracker.nextOffset).toBe(10_000);
});

test('an offset that goes back, or is finished twice, is refused', () => {
  const tracker = new OffsetTracker();
  const ticket = tracker.begin(7);
  expect(() => tracker.begin(7)).toThrow('offset 7 begun where 8 was next');
  tracker.finish(ticket);
  expect(() => tracker.finish(ticket)).toThrow('finished twice');
  expect(() => tracker.begin(5)).toThrow('offset 5 begun where 8 was next');
});
