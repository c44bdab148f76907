import { expect, test } from '@jest/globals';
import { BinaryArray, textArray } from '../../src/postgres/binary-array.js';

test("the bytes are PostgreSQL's array format", () => {
  const array = new BinaryArray('text');
  array.text('aü');
  array.null();
  expect(array.finish().toString('hex')).toBe(
    '00000001' + // one dimension
      '00000001' + // has nulls
      '00000019' + // of text (25)
      '00000002' + // two elements
      '00000001' + // the first has index 1
      '00000003' +
      '61c3bc' +
      'ffffffff',
  );
});

test('a number that a column cannot hold is refused, not rounded', () => {
  const int8 = new BinaryArray('int8');
  for (const value of [NaN, 1.5, 2 ** 53, Infinity]) expect(() => int8.int8(value)).toThrow('safe integer');
  const int4 = new BinaryArray('int4');
  for (const value of [NaN, 0.5, 2 ** 31, -(2 ** 31) - 1]) expect(() => int4.int4(value)).toThrow('int4');
  expect(int8.finishSparse()).toBeNull();
});

test('an array of nulls alone can be left out; one value keeps it', () => {
  const array = new BinaryArray('bytea');
  array.bytes(null);
  expect(array.finishSparse()).toBeNull();
  array.bytes(Buffer.alloc(0));
  expect(array.finishSparse()).not.toBeNull();
});

test('after a huge batch the memory is given back', () => {
  const array = new BinaryArray('text');
  array.bytes(Buffer.alloc(8 << 20));
  expect(array.finish().buffer.byteLength).toBeGreaterThan(8 << 20);
  array.clear();
  array.text('small');
  expect(array.finish().buffer.byteLength).toBeLessThan(1 << 20);
});

test('a look-up of nothing is an array without elements', () => {
  expect(textArray([]).readInt32BE(12)).toBe(0);
});
