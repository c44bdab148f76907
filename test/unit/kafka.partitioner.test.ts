import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { murmur2, partitionOf } from '../../src/kafka/partitioner.js';

interface Vector {
  keyHex: string;
  murmur2: number;
  of8: number;
  of1000: number;
}
const { vectors } = JSON.parse(readFileSync('test/support/murmur2-vectors.json', 'utf8')) as { vectors: Vector[] };

describe('the partitioner', () => {
  test('agrees with the Java client about every hash and partition', () => {
    expect(vectors.length).toBeGreaterThan(200);
    for (const vector of vectors) {
      const key = Buffer.from(vector.keyHex, 'hex');
      expect({ ...vector, murmur2: murmur2(key) }).toEqual(vector);
      expect({ ...vector, of8: partitionOf(key, 8), of1000: partitionOf(key, 1000) }).toEqual(vector);
    }
  });

  test('takes any byte array, not only buffers', () => {
    expect(murmur2(new Uint8Array([0xff, 0x80, 1]))).toBe(murmur2(Buffer.from([0xff, 0x80, 1])));
  });
});
