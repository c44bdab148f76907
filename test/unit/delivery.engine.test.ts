import { expect, test } from '@jest/globals';
import type { ConversationId } from '../../src/protocol/ids.js';
import { DeliveryWorld, type Draft } from '../support/delivery-world.js';
import { settled } from '../support/manual-clock.js';

const of = (conversation: string, from: number, to: number): Draft[] =>
  Array.from({ length: to - from + 1 }, (_, i) => ({ conversation: conversation as ConversationId, seq: from + i }));

async function startedWorld(...given: ConstructorParameters<typeof DeliveryWorld>): Promise<DeliveryWorld> {
  const world = new DeliveryWorld(...given);
  await world.start();
  return world;
}

test('handlers of different conversations run at once, up to the bound', async () => {
  const drafts = ['group:a', 'group:b', 'group:c', 'group:d'].flatMap((name) => of(name, 1, 1));
  const world = await startedWorld([drafts]);
  world.member.fetch(0, 10);
  await settled();
  expect(world.calls).toHaveLength(3);
  await world.end(0, true);
  expect(world.begun).toEqual(['group:a/1', 'group:b/1', 'group:c/1', 'group:d/1']);
  await world.settle();
  await world.stop();
});

test('a partition is paused when it holds too much, and resumed when half of it is dealt with', async () => {
  const world = await startedWorld([of('group:a', 1, 8)]);
  world.member.fetch(0, 5);
  expect(world.member.isPaused(0)).toBe(false);
  world.member.fetch(0, 1);
  expect(world.member.isPaused(0)).toBe(true);
  for (let i = 0; i < 2; i++) await world.end(0, true);
  expect(world.member.isPaused(0)).toBe(true);
  await world.end(0, true);
  expect(world.member.isPaused(0)).toBe(false);
  await world.settle();
  await world.stop();
});

test('behind a halted conversation the others go on until so much is held back that the partition pauses', async () => {
  const drafts = [...of('group:halts', 1, 1), ...of('group:goes', 1, 30)];
  const world = await startedWorld([drafts], { onFailure: 'halt-conversation' });
  world.member.fetch(0, 3);
  await settled();
  await world.end(0, false);
  await world.clock.pass(10);
  const halting = world.calls.findIndex(({ delivery }) => delivery.conversationId === 'group:halts');
  await world.end(halting, false);
  for (let i = 0; i < 40; i++) {
    world.member.fetch(0, 3);
    await settled();
    await world.end(0, true);
  }
  expect(world.member.isPaused(0)).toBe(true);
  expect(world.group.committedOffset(0)).toBe(0);
  expect(world.begun.filter((name) => name.startsWith('group:goes')).length).toBeGreaterThanOrEqual(9);
  expect(world.engine.health().reasons).toEqual([
    'delivery: conversation group:halts halted at seq 1: the handler failed 2 times: handler failed',
  ]);
  await world.stop();
});

test('a handler whose partition goes away is told, and its end changes nothing', async () => {
  const world = await startedWorld([of('group:a', 1, 2)]);
  world.member.fetch(0, 2);
  await settled();
  const signal = world.calls[0]?.signal;
  expect(signal?.aborted).toBe(false);
  world.rebalance([], true);
  expect(signal?.aborted).toBe(true);
  await world.end(0, true);
  await world.clock.pass(1_000);
  expect(world.group.committedOffset(0)).toBe(0);
  expect(world.calls).toEqual([]);
  await world.stop();
});

test('a stop lets handlers end for most of its deadline, then tells them, and commits what ended', async () => {
  const world = await startedWorld([[...of('group:a', 1, 1), ...of('group:b', 1, 1)]]);
  world.member.fetch(0, 2);
  await settled();
  const [ends, hangs] = world.calls;
  const stopped = world.engine.stop(1_000);
  await world.clock.pass(100);
  ends?.succeed();
  await world.clock.pass(600);
  expect(hangs?.signal.aborted).toBe(false);
  await world.clock.pass(100);
  expect(hangs?.signal.aborted).toBe(true);
  await world.clock.pass(1_000);
  await stopped;
  expect(world.group.committedOffset(0)).toBe(1);
  expect(world.member.isStopped).toBe(true);
});

test('a log that breaks its promise and goes back is fatal, not a double', async () => {
  const world = await startedWorld([of('group:a', 1, 3)]);
  world.member.fetch(0, 2);
  world.member.seek('', 0, 0);
  expect(() => world.member.fetch(0, 1)).toThrow('offset 0 begun where 4 was next');
  await world.stop();
});
