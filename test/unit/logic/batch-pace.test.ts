import { expect, test } from '@jest/globals';
import { BatchPace } from '../../../src/stages/logic/batch-pace.js';

test('turns are given in the order in which they are asked for, a turn apart, and the first at once', () => {
  const pace = new BatchPace({ minMs: 4, maxMs: 20 });
  expect([pace.reserve(100), pace.reserve(100), pace.reserve(101)]).toEqual([100, 104, 108]);
  expect(pace.reserve(500)).toBe(500); // nobody waited: turns that nobody took are not saved up
});

test('a turn follows what transactions take, within its limits', () => {
  const pace = new BatchPace({ minMs: 4, maxMs: 20 });
  for (let i = 0; i < 100; i++) pace.took(10);
  expect(pace.turnMs).toBeCloseTo(10, 1);
  for (let i = 0; i < 100; i++) pace.took(900);
  expect(pace.turnMs).toBe(20);
  for (let i = 0; i < 100; i++) pace.took(1);
  expect(pace.turnMs).toBe(4);
});
