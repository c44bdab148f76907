import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { StampedMessage } from '../../../src/protocol/message.js';
import { LaneWorld, type Breakage } from './lane-world.js';
import type { Draft } from './records.js';

type Move =
  | { kind: 'act'; choice: number; loseReply: boolean }
  | { kind: 'assign' }
  | { kind: 'kill'; index: number }
  | { kind: 'append'; count: number }
  | { kind: 'pass'; ms: number }
  | { kind: 'clock'; ms: number };

const draft: fc.Arbitrary<Draft> = fc.record({
  conversation: fc.integer({ min: 0, max: 2 }),
  clientMsgId: fc.integer({ min: 0, max: 12 }).map(String),
  content: fc.integer({ min: 0, max: 1 }),
});

/** Numbers of any kind, also such as no sound sender gives. */
const numberedDraft: fc.Arbitrary<Draft> = fc
  .record({
    draft,
    senderSeq: fc.integer({ min: 1, max: 8 }),
    back: fc.integer({ min: 1, max: 3 }),
    kind: fc.constantFrom('seq', 'chained', 'epoch'),
    sentAt: fc.integer({ min: 0, max: 5 }),
  })
  .map(({ draft: base, senderSeq, back, kind, sentAt }) => ({
    ...base,
    senderSeq,
    sentAt: sentAt * 8 * 3_600_000,
    ...(kind === 'seq' ? {} : { prevSenderSeq: Math.max(0, senderSeq - back) }),
    ...(kind === 'epoch' ? { senderEpoch: back } : {}),
  }));

const protocolMoves: fc.MaybeWeightedArbitrary<Move>[] = [
  {
    weight: 40,
    arbitrary: fc.record({
      kind: fc.constant('act' as const),
      choice: fc.nat(11),
      loseReply: fc.integer({ min: 0, max: 15 }).map((n) => n === 0),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: 'assign' as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('kill' as const), index: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('clock' as const), ms: fc.integer({ min: -1e6, max: 1e6 }) }) },
];
const timedMoves: fc.MaybeWeightedArbitrary<Move>[] = [
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('append' as const), count: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 600 }) }) },
];

interface Course {
  readonly appended: number;
  readonly drafts: Draft[];
  readonly moves: Move[];
}

const history: fc.Arbitrary<Course> = fc.record({
  /** Records that are there from the beginning. */
  appended: fc.constantFrom(0, 16),
  drafts: fc.array(fc.oneof(draft, numberedDraft), { minLength: 1, maxLength: 16 }),
  moves: fc.array(fc.oneof(...protocolMoves, ...timedMoves), { minLength: 20, maxLength: 120 }),
});
/** Without numbers and time: what is broken in the protocol shows sooner. */
const plainHistory: fc.Arbitrary<Course> = fc.record({
  appended: fc.constant(16),
  drafts: fc.array(draft, { minLength: 1, maxLength: 16 }),
  moves: fc.array(fc.oneof(...protocolMoves), { minLength: 20, maxLength: 120 }),
});

function play(world: LaneWorld, { appended, moves }: Pick<Course, 'appended' | 'moves'>): void {
  world.append(appended);
  world.assign();
  for (const one of moves) {
    if (one.kind === 'act') world.act(one.choice, one.loseReply);
    else if (one.kind === 'assign') world.assign();
    else if (one.kind === 'kill') world.kill(one.index);
    else if (one.kind === 'append') world.append(one.count);
    else if (one.kind === 'pass') world.pass(one.ms);
    else world.stepClock(one.ms);
  }
  world.settle();
}

/** What the promises forbid, in words; empty when all hold. */
function broken(world: LaneWorld, drafts: readonly Draft[]): string[] {
  const found: string[] = [];
  const ids = (list: readonly { msgId: bigint }[]): string => list.map((one) => one.msgId).join(' ');
  if (ids(world.delivered) !== ids(world.rows))
    found.push(`delivered ${ids(world.delivered)}, stored ${ids(world.rows)}`);
  const inOrder = world.delivered.every((one, i) => i === 0 || one.msgId > (world.delivered[i - 1]?.msgId ?? 0n));
  if (!inOrder) found.push(`msgIds fall: ${ids(world.delivered)}`);
  const messages = world.delivered.filter((one): one is StampedMessage => one.kind === 'message');
  const seqs = new Map<string, number>();
  for (const { conversationId, seq } of messages) {
    if (seq !== (seqs.get(conversationId) ?? 0) + 1) found.push(`${conversationId} seq ${seq}`);
    seqs.set(conversationId, seq);
  }
  const identities = new Set(drafts.map((one) => `${one.conversation} ${one.clientMsgId}`));
  if (messages.length !== identities.size) found.push(`${messages.length} messages of ${identities.size} identities`);
  if (world.verdict() !== 'go') found.push('a next takeover would halt');
  return found;
}

test('every stored message is forwarded once, in msgId order, whenever owners die, stall or take over from each other', () => {
  fc.assert(
    fc.property(history, ({ drafts, ...course }) => {
      const world = new LaneWorld(drafts);
      play(world, course);
      expect(broken(world, drafts)).toEqual([]);
    }),
    { numRuns: 1_000 },
  );
});

describe('the property can fail: a broken variant of the protocol is found', () => {
  test.each<[Breakage, fc.Arbitrary<Course>]>([
    ['no-epoch-check', plainHistory],
    ['no-postgres-fence', plainHistory],
    ['no-kafka-fence', plainHistory],
    ['unknown-assumed-done', plainHistory],
    ['holds-forgotten', history],
  ])('%s', (breakage, histories) => {
    const result = fc.check(
      fc.property(histories, ({ drafts, ...course }) => {
        const world = new LaneWorld(drafts, breakage);
        play(world, course);
        return broken(world, drafts).length === 0;
      }),
      { numRuns: 50_000, endOnFailure: true },
    );
    expect(result.failed).toBe(true);
  });
});
