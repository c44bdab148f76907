import { createHash } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { crc32c, plainCrc32c } from '../../src/kafka/crc32c.js';

test('the checksum is CRC-32C: the check value of its definition', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  expect(crc32c(Buffer.alloc(0))).toBe(0);
});

test('the native checksum and the plain one agree on any bytes', () => {
  let bytes = Buffer.from('seed');
  for (let length = 0; length < 300; length += 1) {
    bytes = Buffer.concat([createHash('sha512').update(bytes).digest(), bytes]).subarray(0, length);
    expect(crc32c(bytes)).toBe(plainCrc32c(bytes));
  }
});
