import { expect, test } from '@jest/globals';
import { SeededRandom } from '../../src/workload/random.js';
import { Reordered } from '../../src/workload/reordered.js';

const COUNT = 5_000;

function numbers(share: number, take = COUNT): { came: number[]; rest: number[] } {
  const records = Array.from({ length: COUNT }, (_, index) => index)[Symbol.iterator]();
  const reordered = new Reordered(records, share, new SeededRandom(3));
  const came: number[] = [];
  for (let next = reordered.next(); next.done !== true; next = reordered.next()) {
    came.push(next.value);
    if (came.length === take) break;
  }
  return { came, rest: reordered.rest() };
}

test.each([0, 0.1, 1])('a share of %d held back: every record comes once, and few places from its own', (share) => {
  const { came } = numbers(share);
  expect([...came].sort((a, b) => a - b)).toEqual(Array.from({ length: COUNT }, (_, index) => index));
  came.forEach((number, place) => expect(Math.abs(number - place)).toBeLessThanOrEqual(400));
});

test('about the share comes after later ones, and without a share none does', () => {
  const overtaken = (share: number): number => {
    const { came } = numbers(share);
    let highest = -1;
    return came.filter((number) => {
      highest = Math.max(highest, number);
      return number < highest;
    }).length;
  };
  expect(overtaken(0)).toBe(0);
  expect(overtaken(0.1) / COUNT).toBeCloseTo(0.1, 1);
});

test('a sending that ends early finds what is held back, and loses none of it', () => {
  const { came, rest } = numbers(0.1, 1_000);
  expect(rest.length).toBeGreaterThan(0);
  const drawn = [...came, ...rest].sort((a, b) => a - b);
  expect(drawn).toEqual(Array.from({ length: drawn.length }, (_, index) => index));
});
