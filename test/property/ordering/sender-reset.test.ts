import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { judgeNumber } from '../../../src/ordering/judge-number.js';
import { headAfter, marksOf, type Numbers, type SenderHead } from '../../../src/ordering/sender.js';
import { isReset } from '../../../src/ordering/sender-reset.js';

const AFTER_MS = 12 * 3_600_000;
const number = fc.integer({ min: 1, max: 20 });
const time = fc.integer({ min: 0, max: 4 * AFTER_MS });

const head: fc.Arbitrary<SenderHead> = fc
  .record({ senderSeq: number, highSentAt: time, former: fc.option(fc.nat(AFTER_MS)) })
  .map(({ senderSeq, highSentAt, former }) => ({
    ...{ epoch: 0, senderSeq, highSentAt },
    formerSentAt: former === null ? null : Math.min(former, highSentAt),
  }));
const message: fc.Arbitrary<Numbers> = fc
  .record({ senderSeq: number, back: fc.option(number), sentAt: time })
  .map(({ senderSeq, back, sentAt }) => ({
    ...{ senderSeq, sentAt, senderEpoch: null },
    prevSenderSeq: back === null ? null : Math.max(0, senderSeq - back),
  }));
const waiting = fc.option(time);

/** The rule in the words of the contract, written apart from the code. */
function saysTheContract(one: Numbers, at: SenderHead, waitingSentAt: number | null): boolean {
  const fallsBack = one.senderSeq <= at.senderSeq;
  const seen = [at.highSentAt, ...(waitingSentAt === null ? [] : [waitingSentAt])];
  const movedOn = seen.every((sentAt) => one.sentAt - sentAt > AFTER_MS);
  const startsAgain = one.senderSeq === 1 && seen.every((sentAt) => one.sentAt > sentAt) && waitingSentAt === null;
  return fallsBack && (movedOn || startsAgain);
}

describe('a sender without epochs whose number falls back', () => {
  test('has lost its numbers exactly where the contract says so, else the message is late', () => {
    fc.assert(
      fc.property(head, message, waiting, (at, one, waitingSentAt) => {
        expect(isReset(one, { head: at, waitingSentAt }, AFTER_MS)).toBe(saysTheContract(one, at, waitingSentAt));
      }),
      { numRuns: 3_000 },
    );
  });

  test('both ways of losing them come up, and neither alone is the rule', () => {
    const both = (keep: (one: Numbers, at: SenderHead) => boolean): boolean =>
      fc.check(
        fc.property(
          head,
          message,
          (at, one) => isReset(one, { head: at, waitingSentAt: null }, AFTER_MS) === keep(one, at),
        ),
        { numRuns: 3_000 },
      ).failed;
    expect(both((one, at) => one.senderSeq <= at.senderSeq && one.sentAt > at.highSentAt + AFTER_MS)).toBe(true);
    expect(both((one, at) => one.senderSeq === 1 && one.sentAt > at.highSentAt)).toBe(true);
  });

  test('never where the network held it back: sent before something that was delivered', () => {
    fc.assert(
      fc.property(head, message, waiting, (at, one, waitingSentAt) => {
        fc.pre(one.sentAt <= at.highSentAt);
        expect(isReset(one, { head: at, waitingSentAt }, AFTER_MS)).toBe(false);
      }),
    );
  });

  test('never with epochs, of the message or of what was delivered', () => {
    fc.assert(
      fc.property(head, message, fc.integer({ min: 1, max: 9 }), (at, one, epoch) => {
        const evidence = { head: at, waitingSentAt: null };
        expect(isReset({ ...one, senderEpoch: 0 }, evidence, AFTER_MS)).toBe(false);
        expect(isReset(one, { ...evidence, head: { ...at, epoch } }, AFTER_MS)).toBe(false);
      }),
    );
  });
});

test('after a reset the new life counts on, and a straggler of the former one neither waits nor moves it', () => {
  const before: SenderHead = { epoch: 0, senderSeq: 50, highSentAt: 1_000, formerSentAt: null };
  const first = { senderSeq: 1, prevSenderSeq: 0, senderEpoch: null, sentAt: 2_000 };
  expect(judgeNumber(first, before, [], AFTER_MS)).toBe('reset');
  const reborn = headAfter(before, first, true);
  expect(reborn).toEqual({ epoch: 0, senderSeq: 1, highSentAt: 2_000, formerSentAt: 1_000 });
  const straggler = { senderSeq: 52, prevSenderSeq: 51, senderEpoch: null, sentAt: 990 };
  expect(judgeNumber(straggler, reborn, [], AFTER_MS)).toBe('late');
  expect(judgeNumber(straggler, before, [], AFTER_MS)).toBe('early'); // without the reset it would wait for 51
  const second = { senderSeq: 2, prevSenderSeq: 1, senderEpoch: null, sentAt: 900 }; // its clock went back: the chain counts
  expect(judgeNumber(second, reborn, [], AFTER_MS)).toBe('next');
});

test('epochs: a higher one begins a new life, a lower one after it is late, a missing one counts as 0', () => {
  const at: SenderHead = { epoch: 2, senderSeq: 9, highSentAt: 100, formerSentAt: null };
  const judged = (given: Partial<Numbers>): string =>
    judgeNumber({ senderSeq: 1, prevSenderSeq: null, senderEpoch: 2, sentAt: 1, ...given }, at, [], AFTER_MS);
  expect(judged({ senderEpoch: 3 })).toBe('next');
  expect(judged({ senderEpoch: 3, prevSenderSeq: 0 })).toBe('next');
  expect(judged({ senderEpoch: 3, senderSeq: 2, prevSenderSeq: 1 })).toBe('early');
  expect(judged({ senderEpoch: 1, senderSeq: 90 })).toBe('late');
  expect(judged({ senderEpoch: null, senderSeq: 90, sentAt: AFTER_MS * 9 })).toBe('late');
  expect(judged({ senderSeq: 10 })).toBe('next');
  expect(judged({ senderSeq: 11, prevSenderSeq: 10 })).toBe('early');
});

test('what is stored of a head beside its row is enough to make it again, and nothing where the row tells it', () => {
  fc.assert(
    fc.property(fc.option(head), message, fc.boolean(), (at, one, asReset) => {
      const after = headAfter(at, one, asReset && at !== null);
      const { highSentAt, formerSentAt } = marksOf(after, one) ?? { highSentAt: one.sentAt, formerSentAt: null };
      expect({ epoch: 0, senderSeq: one.senderSeq, highSentAt, formerSentAt }).toEqual(after);
    }),
  );
});
