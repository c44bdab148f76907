import { expect, test } from '@jest/globals';
import { judgeSeq } from '../../src/stages/delivery/judge-seq.js';

test('the first record of a conversation is where it starts, whatever its seq', () => {
  expect(judgeSeq(null, 1)).toEqual({ kind: 'handle' });
  expect(judgeSeq(null, 57)).toEqual({ kind: 'handle' });
});

test('the next seq is handled, an earlier or equal one dropped', () => {
  expect(judgeSeq(4, 5)).toEqual({ kind: 'handle' });
  expect(judgeSeq(4, 4)).toEqual({ kind: 'drop' });
  expect(judgeSeq(4, 1)).toEqual({ kind: 'drop' });
});

test('a later seq has what lies between repaired first, both ends included', () => {
  expect(judgeSeq(4, 6)).toEqual({ kind: 'repair', fromSeq: 5, toSeq: 5 });
  expect(judgeSeq(4, 9)).toEqual({ kind: 'repair', fromSeq: 5, toSeq: 8 });
});
