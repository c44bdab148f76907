import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DeliveryWorld, type Draft } from '../support/delivery-world.js';

type Move =
  | { kind: 'fetch'; partition: number; count: number }
  | { kind: 'end'; index: number; well: boolean }
  | { kind: 'pass'; ms: number }
  | { kind: 'rebalance'; ours: boolean[]; hears: boolean }
  | { kind: 'elsewhere'; partition: number; count: number };

const PARTITIONS = 2;

const move: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('fetch' as const),
      partition: fc.nat(PARTITIONS - 1),
      count: fc.integer({ min: 1, max: 5 }),
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('end' as const),
      index: fc.nat(5),
      well: fc.integer({ min: 0, max: 4 }).map((n) => n > 0),
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(0, 15, 100, 250) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('rebalance' as const),
      ours: fc.array(fc.boolean(), { minLength: PARTITIONS, maxLength: PARTITIONS }),
      hears: fc.integer({ min: 0, max: 3 }).map((n) => n > 0),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('elsewhere' as const),
      partition: fc.nat(PARTITIONS - 1),
      count: fc.integer({ min: 1, max: 4 }),
    }),
  },
);

type Message = Exclude<Draft, 'garbage'>;

type Step = { conversation: number; what: 'next' | 'again' | 'skip' | 'replay' | 'garbage' };

const step: fc.Arbitrary<Step> = fc.record({
  conversation: fc.nat(1),
  what: fc.oneof(
    { weight: 8, arbitrary: fc.constant('next' as const) },
    fc.constantFrom('again' as const, 'skip' as const, 'replay' as const, 'garbage' as const),
  ),
});

/** What a partition of the topic holds: its two conversations, each from 1 on, with the faults named. */
function draftsOf(partition: number, steps: readonly Step[]): Draft[] {
  const newest = [0, 0];
  const drafts: Draft[] = [];
  for (const { conversation: index, what } of steps) {
    const conversation = `group:p${partition}c${index}`;
    if (what === 'garbage') {
      drafts.push('garbage');
      continue;
    }
    const before = newest[index] ?? 0;
    // Only what the topic has brought: a message that comes after a later one, and never before, is no replay. Where
    // an assignment begins between the two it could not tell (see DeliveryConsumer), and no lane writes such a topic.
    const brought = drafts.filter(
      (draft): draft is Message => draft !== 'garbage' && draft.conversation === conversation,
    );
    if (what === 'replay') drafts.push(...brought.slice(-3, -1));
    // An assignment that begins behind a gap can't see it, so the first message is never left out.
    const seq = what === 'next' || before === 0 ? before + 1 : what === 'skip' ? before + 3 : before;
    newest[index] = seq;
    drafts.push({ conversation, seq });
  }
  return drafts;
}

const history = fc.record({
  drafts: fc
    .array(fc.array(step, { maxLength: 20 }), { minLength: PARTITIONS, maxLength: PARTITIONS })
    .map((partitions) => partitions.map((steps, partition) => draftsOf(partition, steps))),
  missing: fc
    .array(fc.record({ partition: fc.nat(1), conversation: fc.nat(1), seq: fc.integer({ min: 2, max: 8 }) }), {
      maxLength: 2,
    })
    .map((rows) => new Set(rows.map((row) => `group:p${row.partition}c${row.conversation}/${row.seq}`))),
  moves: fc.array(move, { minLength: 10, maxLength: 80 }),
});

async function play(world: DeliveryWorld, moves: readonly Move[]): Promise<void> {
  await world.start();
  let ours = new Set(world.partitions);
  for (const one of moves) {
    if (one.kind === 'fetch') world.member.fetch(one.partition, one.count);
    else if (one.kind === 'end') await world.end(one.index, one.well);
    else if (one.kind === 'elsewhere') {
      if (!ours.has(one.partition)) world.handleElsewhere(one.partition, one.count);
    } else if (one.kind === 'rebalance') {
      ours = new Set(world.partitions.filter((partition) => one.ours[partition] === true));
      world.rebalance([...ours], one.hears);
    }
    await world.clock.pass(one.kind === 'pass' ? one.ms : 0);
  }
}

test('each assignment sees a conversation one by one, without gap or return, nothing is committed unhandled, and all of it is handled', async () => {
  await fc.assert(
    fc.asyncProperty(history, async ({ drafts, missing, moves }) => {
      const world = new DeliveryWorld(drafts, { missing });
      await play(world, moves);
      await world.settle();
      expect(world.verdict()).toEqual([]);
      await world.stop();
    }),
    { numRuns: 500 },
  );
});

test('a halted conversation holds back its offset and none of the others', async () => {
  await fc.assert(
    fc.asyncProperty(history, async ({ drafts, missing, moves }) => {
      const limits = { maxHeldRecords: 6, maxHeldBytes: 10_000, maxUncommitted: 1_000, maxConversations: 100 };
      const world = new DeliveryWorld(drafts, { missing, limits, onFailure: 'halt-conversation' });
      // Another member may handle what this one halted on, unheard; then all is dealt with, and this one can't know.
      const alone = moves.filter(({ kind }) => kind !== 'elsewhere');
      await play(world, alone);
      await world.settle();
      expect(world.broken).toEqual([]);
      const halted = world.engine.health().reasons.filter((reason) => reason.includes('halted'));
      expect(world.verdict().length > 0).toBe(halted.length > 0);
      for (const [conversation, seq] of lastSeqs(drafts)) {
        if (!halted.some((reason) => reason.includes(conversation))) {
          expect(world.isDealtWith(conversation, seq)).toBe(true);
        }
      }
      await world.stop();
    }),
    { numRuns: 300 },
  );
});

function lastSeqs(drafts: readonly (readonly Draft[])[]): Map<string, number> {
  const last = new Map<string, number>();
  for (const draft of drafts.flat()) {
    if (draft !== 'garbage') last.set(draft.conversation, Math.max(draft.seq, last.get(draft.conversation) ?? 0));
  }
  return last;
}

describe('the properties can fail: a planted flaw is found', () => {
  test('a log whose conversations run backwards', async () => {
    const backwards = (drafts: readonly (readonly Draft[])[]): Draft[][] => drafts.map((list) => [...list].reverse());
    const found = await fc.check(
      fc.asyncProperty(history, async ({ drafts, missing, moves }) => {
        const world = new DeliveryWorld(backwards(drafts), { missing });
        await play(world, moves);
        await world.settle();
        expect(world.verdict()).toEqual([]);
      }),
      { numRuns: 300, endOnFailure: true },
    );
    expect(found.failed).toBe(true);
  });

  test('a member that begins beyond the committed offset', async () => {
    const found = await fc.check(
      fc.asyncProperty(history, async ({ drafts, missing, moves }) => {
        const world = new DeliveryWorld(drafts, { missing });
        world.group.startBeyond = 1;
        await play(world, moves);
        await world.settle();
        expect(world.verdict()).toEqual([]);
      }),
      { numRuns: 300, endOnFailure: true },
    );
    expect(found.failed).toBe(true);
  });
});
