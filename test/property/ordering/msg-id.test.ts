import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MSG_ID_ORIGIN_MS, MsgIdSequence, msgIdParts, NO_MSG_ID } from '../../../src/ordering/msg-id.js';
import type { MsgId } from '../../../src/protocol/ids.js';

const partition = fc.integer({ min: 0, max: 1023 });
/** Wall clocks that stand still, run, and step either way by hours. */
const clockSteps = fc.array(fc.integer({ min: -4_000_000, max: 4_000_000 }), { minLength: 1, maxLength: 60 });
const startMs = fc.integer({ min: MSG_ID_ORIGIN_MS - 5_000_000, max: MSG_ID_ORIGIN_MS + 2 ** 40 });

test('ids of a partition grow strictly whatever the clock does, and across takeovers from the stored floor', () => {
  fc.assert(
    fc.property(partition, startMs, clockSteps, fc.array(fc.boolean()), (p, start, steps, takeovers) => {
      let sequence = new MsgIdSequence(p, NO_MSG_ID);
      let last: MsgId = NO_MSG_ID;
      let nowMs = start;
      steps.forEach((stepMs, i) => {
        nowMs += stepMs;
        const id = sequence.next(nowMs);
        expect(id > last).toBe(true);
        expect(id > 0n && id < 2n ** 63n).toBe(true);
        expect(msgIdParts(id).partition).toBe(p);
        last = id;
        if (takeovers[i] === true) sequence = new MsgIdSequence(p, last);
      });
    }),
  );
});

test('an id carries the clock while the clock is ahead of the floor', () => {
  fc.assert(
    fc.property(partition, fc.integer({ min: MSG_ID_ORIGIN_MS + 1, max: MSG_ID_ORIGIN_MS + 2 ** 40 }), (p, nowMs) => {
      expect(msgIdParts(new MsgIdSequence(p, NO_MSG_ID).next(nowMs))).toEqual({ ms: nowMs, partition: p, counter: 0 });
    }),
  );
});

test('ids of two partitions never meet', () => {
  fc.assert(
    fc.property(partition, partition, startMs, (a, b, nowMs) => {
      fc.pre(a !== b);
      const ids = [a, b].flatMap((p) => {
        const sequence = new MsgIdSequence(p, NO_MSG_ID);
        return Array.from({ length: 50 }, () => sequence.next(nowMs));
      });
      expect(new Set(ids).size).toBe(100);
    }),
  );
});

test('a full counter borrows the next millisecond', () => {
  const nowMs = MSG_ID_ORIGIN_MS + 1000;
  const sequence = new MsgIdSequence(3, NO_MSG_ID);
  const ids = Array.from({ length: 4097 }, () => sequence.next(nowMs));
  expect(msgIdParts(ids[4095] as MsgId)).toEqual({ ms: nowMs, partition: 3, counter: 4095 });
  expect(msgIdParts(ids[4096] as MsgId)).toEqual({ ms: nowMs + 1, partition: 3, counter: 0 });
});

test("a floor of another partition is refused: it would let two partitions' ids meet", () => {
  const id = new MsgIdSequence(3, NO_MSG_ID).next(MSG_ID_ORIGIN_MS + 1);
  expect(() => new MsgIdSequence(4, id)).toThrow(/is not of partition 4/);
});
