/** The demo's judge: what is in order passes, and each way to break it is found and counted. */
import { describe, expect, test } from '@jest/globals';
import type { Delivered, Evidence } from '../../src/demo/evidence.js';
import { inversionsOf } from '../../src/demo/inversions.js';
import { judgeDemo, type InorderCounts } from '../../src/demo/report.js';
import { planDemo } from '../../src/demo/schedule.js';
import { faultlessEvidence } from '../support/demo-evidence.js';

const plan = planDemo(1, 4);
const faultless = faultlessEvidence(plan);
const GROUP = plan.chats.findIndex(({ groupId }) => groupId !== null);

describe('an inversion', () => {
  test('is a line below something that came after it', () => {
    expect(inversionsOf([])).toEqual([]);
    expect(inversionsOf([1, 2, 5, 9])).toEqual([false, false, false, false]);
    expect(inversionsOf([2, 1, 3])).toEqual([false, true, false]);
    expect(inversionsOf([3, 1, 2])).toEqual([false, true, true]);
  });
});

describe('a faultless run', () => {
  const report = judgeDemo(plan, faultless);

  test('passes, with nothing to count on the side of Inorder', () => {
    expect(report.passed).toBe(true);
    expect(report.byInorder).toEqual({
      ...{ inversions: 0, doubled: 0, lost: 0, late: 0, putBack: 0, outOfSequence: 0, storedOtherwise: 0 },
    });
  });

  test('shows inversions and doubles in both naive orders, and loses nothing there', () => {
    for (const counts of [report.byArrival, report.byClientClock]) {
      expect(counts.inversions).toBeGreaterThan(0);
      expect(counts).toMatchObject({ doubled: report.copies, lost: 0 });
    }
    expect(report.copies).toBeGreaterThan(0);
    expect(report.shown.byArrival.some(({ isInverted }) => isInverted)).toBe(true);
  });

  test('of clocks and a network that are right has no inversion in any order', () => {
    const chats = plan.chats.map((chat) => ({
      ...chat,
      messages: chat.messages.map((message) => ({
        ...message,
        route: { server: 0, delayMs: 20 } as const,
        copy: null,
      })),
    })) as unknown as typeof plan.chats;
    const ideal = { ...plan, chats, clientClockMs: new Map<string, number>(), serverClockMs: [0, 0] as const };
    const { byArrival, byClientClock } = judgeDemo(ideal, faultlessEvidence(ideal));
    expect([byArrival, byClientClock]).toEqual(Array(2).fill({ inversions: 0, doubled: 0, lost: 0 }));
  });
});

describe('a broken run fails, and says how:', () => {
  const first = faultless.delivered[0] as Delivered;
  const changed = (change: (one: Delivered, index: number) => Delivered[]): Evidence => ({
    ...faultless,
    delivered: faultless.delivered.flatMap(change),
  });
  /** The messages of two neighbours change places; what lies at each place stays dense and stored. */
  const swapped = (a: number, b: number): Evidence => {
    const delivered = [...faultless.delivered];
    const [one, other] = [delivered[a] as Delivered, delivered[b] as Delivered];
    const { clientMsgId, senderId } = one;
    delivered[a] = { ...one, clientMsgId: other.clientMsgId, senderId: other.senderId };
    delivered[b] = { ...other, clientMsgId, senderId };
    return { ...faultless, delivered, stored: delivered };
  };
  const cases: [string, Evidence, Partial<InorderCounts>][] = [
    ['an inversion', swapped(0, 1), { inversions: 1 }],
    ['a message lost', changed((one) => (one === first ? [] : [one])), { lost: 1 }],
    ['a message delivered twice', changed((one) => (one === first ? [one, one] : [one])), { doubled: 1 }],
    ['a hole in seq', changed((one) => [one === first ? one : { ...one, seq: one.seq + 1 }]), { doubled: 0, lost: 0 }],
    ['a msgId that falls', changed((one) => [{ ...one, msgId: -one.msgId }]), { inversions: 0, doubled: 0 }],
    ['what `inorder check` refutes', { ...faultless, check: 'fail' }, { inversions: 0 }],
    ['what `inorder check` can not tell', { ...faultless, check: 'unknown' }, { inversions: 0 }],
    [
      'a row that the topic lacks',
      { ...faultless, stored: [...faultless.stored, { ...first, seq: 999 }] },
      { storedOtherwise: 1 },
    ],
    ['a message that the table lacks', { ...faultless, stored: faultless.stored.slice(1) }, { storedOtherwise: 1 }],
  ];

  test.each(cases)('%s', (_name, evidence, counts) => {
    const report = judgeDemo(plan, evidence);
    expect(report.passed).toBe(false);
    expect(report.byInorder).toMatchObject(counts);
  });
});

test('late messages are no inversions: a single chat shows them where they belong, a group says what they are', () => {
  const single = 0;
  const lateIn = (chat: number): Evidence => {
    const { conversationId } = plan.chats[chat] as (typeof plan.chats)[0];
    const ours = faultless.delivered.filter((one) => one.conversationId === conversationId);
    const at = ours.findIndex(({ senderId }, index) => ours[index + 1]?.senderId === senderId);
    const [early, after] = [ours[at] as Delivered, ours[at + 1] as Delivered];
    const delivered = faultless.delivered.map((one) => {
      if (one === early) return { ...early, clientMsgId: after.clientMsgId, senderSeq: after.senderSeq };
      if (one === after) return { ...after, clientMsgId: early.clientMsgId, senderSeq: early.senderSeq, late: true };
      return one;
    });
    return { ...faultless, delivered, stored: delivered };
  };
  expect(judgeDemo(plan, lateIn(single)).byInorder).toMatchObject({ inversions: 0, late: 1, putBack: 1 });
  expect(judgeDemo(plan, lateIn(GROUP)).byInorder).toMatchObject({ inversions: 0, late: 1, putBack: 0 });
  expect(judgeDemo(plan, lateIn(GROUP)).passed).toBe(true);
});
