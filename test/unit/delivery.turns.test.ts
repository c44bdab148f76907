import { expect, test } from '@jest/globals';
import type { ConversationId } from '../../src/protocol/ids.js';
import { AssignedPartition } from '../../src/stages/delivery/assigned-partition.js';
import { Conversation, type PendingRecord } from '../../src/stages/delivery/conversation.js';
import { Turns } from '../../src/stages/delivery/turns.js';
import { settled } from '../support/manual-clock.js';

const LIMITS = { maxHeldRecords: 100, maxHeldBytes: 1_000, maxUncommitted: 100, maxConversations: 10 };
const pending = {} as unknown as PendingRecord;

/** A conversation with `waiting` records. */
function conversation(id: string, waiting: number): Conversation {
  const made = new Conversation(id as ConversationId, new AssignedPartition('t', 0, LIMITS), null);
  for (let i = 0; i < waiting; i++) made.push(pending);
  return made;
}

function setUp(concurrency: number) {
  const running: { id: string; end: () => void }[] = [];
  const begun: string[] = [];
  const turns = new Turns(concurrency, async (one) => {
    begun.push(one.id);
    await new Promise<void>((resolve) => {
      running.push({ id: one.id, end: resolve });
    });
    one.shift();
  });
  const end = async (id: string): Promise<void> => {
    const index = running.findIndex((one) => one.id === id);
    running.splice(index, 1)[0]?.end();
    await settled();
  };
  return { turns, running, begun, end };
}

test('at most `concurrency` turns run at once', async () => {
  const { turns, begun, end } = setUp(2);
  for (const id of ['a', 'b', 'c']) turns.offer(conversation(id, 1));
  expect(begun).toEqual(['a', 'b']);
  await end('a');
  expect(begun).toEqual(['a', 'b', 'c']);
});

test('a conversation has one turn at a time, and goes behind the others after each', async () => {
  const { turns, begun, end } = setUp(1);
  const busy = conversation('a', 3);
  turns.offer(busy);
  turns.offer(busy);
  turns.offer(conversation('b', 1));
  await end('a');
  await end('b');
  await end('a');
  expect(begun).toEqual(['a', 'b', 'a', 'a']);
});

test('a later assignment of a conversation waits for the turn of the former one, however free the others are', async () => {
  const { turns, begun, end } = setUp(8);
  turns.offer(conversation('a', 1));
  turns.offer(conversation('a', 1)); // overtaken by the next before it got a turn
  turns.offer(conversation('a', 2));
  turns.offer(conversation('b', 1));
  expect(begun).toEqual(['a', 'b']);
  await end('a');
  expect(begun).toEqual(['a', 'b', 'a']);
  await end('a');
  expect(begun).toEqual(['a', 'b', 'a', 'a']);
});

test('finish begins no more turns and resolves when the running ones have ended', async () => {
  const { turns, begun, end } = setUp(2);
  for (const id of ['a', 'b', 'c']) turns.offer(conversation(id, 2));
  let finished = false;
  const finish = turns.finish().then(() => {
    finished = true;
  });
  await end('a');
  expect(finished).toBe(false);
  await end('b');
  await finish;
  expect(begun).toEqual(['a', 'b']);
  expect(turns.runningCount).toBe(0);
});
