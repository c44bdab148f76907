import { describe, expect, test } from '@jest/globals';
import { Positions } from '../../src/kafka/positions.js';

const T = 'topic';
function assigned(paused = false): Positions {
  const positions = new Positions();
  positions.begin(new Map([[T, [0, 1]]]), paused);
  return positions;
}

describe('positions', () => {
  test('a partition begins where the group is, unless it is sought', () => {
    const positions = assigned();
    expect(positions.wanted(T, 0, 7)).toBe(7);
    positions.seek(T, 1, 40);
    expect(positions.wanted(T, 1, 7)).toBe(40);
  });

  test('what was fetched is expected only where reading stands', () => {
    const positions = assigned();
    positions.wanted(T, 0, 7);
    expect(positions.expects(T, 0, positions.generation, 7)).toBe(true);
    positions.advance(T, 0, 9);
    expect(positions.expects(T, 0, positions.generation, 7)).toBe(false);
    expect(positions.wanted(T, 0, 7)).toBe(9);
  });

  test('a batch on its way is not expected after a pause, and again after a resume', () => {
    const positions = assigned();
    positions.wanted(T, 0, 7);
    expect(positions.pause(T, 0)).toBe(true);
    expect(positions.pause(T, 0)).toBe(false);
    expect(positions.wanted(T, 0, 7)).toBeNull();
    expect(positions.expects(T, 0, positions.generation, 7)).toBe(false);
    expect(positions.resume(T, 0)).toBe(true);
    expect(positions.expects(T, 0, positions.generation, 7)).toBe(true);
  });

  test('a batch on its way is not expected after a seek elsewhere', () => {
    const positions = assigned();
    positions.wanted(T, 0, 7);
    positions.seek(T, 0, 3);
    expect(positions.expects(T, 0, positions.generation, 7)).toBe(false);
    expect(positions.wanted(T, 0, 7)).toBe(3);
  });

  test('a rejoin forgets pauses, seeks and what was on its way', () => {
    const positions = assigned();
    positions.wanted(T, 0, 7);
    const { generation } = positions;
    positions.seek(T, 0, 3);
    positions.pause(T, 1);
    positions.begin(new Map([[T, [0, 1]]]), false);
    expect(positions.expects(T, 0, generation, 3)).toBe(false);
    expect(positions.wanted(T, 0, 5)).toBe(5);
    expect(positions.wanted(T, 1, 5)).toBe(5);
  });

  test('paused at the start means until resumed, at every join', () => {
    const positions = assigned(true);
    positions.resume(T, 0);
    expect(positions.wanted(T, 0, 7)).toBe(7);
    positions.begin(new Map([[T, [0]]]), true);
    expect(positions.wanted(T, 0, 7)).toBeNull();
  });

  test('a partition that is not assigned cannot be moved', () => {
    const positions = assigned();
    positions.begin(new Map([[T, [1]]]), false);
    positions.seek(T, 0, 3);
    expect(positions.resume(T, 0)).toBe(false);
    expect(positions.isAssigned(T, 0)).toBe(false);
    expect(positions.wanted(T, 0, 7)).toBeNull();
  });
});
