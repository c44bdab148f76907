import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compareDecimal, partitionIn } from '../../src/check/decimal.js';

const ids = fc.bigInt({ min: 0n, max: 2n ** 80n });

test('decimal texts are compared as the numbers they are', () => {
  fc.assert(
    fc.property(ids, ids, (a, b) => {
      expect(Math.sign(compareDecimal(String(a), String(b)))).toBe(a < b ? -1 : a === b ? 0 : 1);
    }),
  );
});

test('the partition in a msgId is its bits 12 to 21, whatever lies above and below', () => {
  fc.assert(fc.property(ids, (id) => expect(partitionIn(String(id))).toBe(Number((id >> 12n) & 0x3ffn))));
});
