import { describe, expect, test } from '@jest/globals';
import { Workload, type WorkloadOptions, type WorkloadRecord } from '../../src/workload/workload.js';
import { SeededRandom, SkewedRanks } from '../../src/workload/random.js';

const options: WorkloadOptions = {
  seed: 7,
  conversations: 50,
  duplicateShare: 0.05,
  badShare: 0.02,
  startMs: 1_767_225_600_000,
  maxValueBytes: 4_096,
};

function drawn(
  count: number,
  changes: Partial<WorkloadOptions> = {},
): { records: WorkloadRecord[]; workload: Workload } {
  const workload = new Workload({ ...options, ...changes });
  return { records: Array.from({ length: count }, () => workload.next()), workload };
}

/** All keys and values; a null is told from an empty value. */
function bytesOf(records: readonly WorkloadRecord[]): Buffer {
  const missing = Buffer.from('(null)');
  return Buffer.concat(records.flatMap(({ key, value }) => [key, value ?? missing]));
}

describe('a synthetic workload', () => {
  test('is the same bytes for the same seed, and others for another', () => {
    const [one, same, other] = [drawn(2_000), drawn(2_000), drawn(2_000, { seed: 8 })];
    expect(bytesOf(one.records).equals(bytesOf(same.records))).toBe(true);
    expect(one.workload.expected).toEqual(same.workload.expected);
    expect(bytesOf(one.records).equals(bytesOf(other.records))).toBe(false);
  });

  test('counts every record once: as a message, a duplicate or a dead letter', () => {
    const { workload } = drawn(20_000);
    const { records, messages, duplicates, deadLetters, deadLettersByReason, messagesByConversation } =
      workload.expected;
    expect(records).toBe(20_000);
    expect(messages + duplicates + deadLetters).toBe(records);
    expect([...deadLettersByReason.values()].reduce((sum, count) => sum + count, 0)).toBe(deadLetters);
    expect([...messagesByConversation.values()].reduce((sum, count) => sum + count, 0)).toBe(messages);
    expect(duplicates / records).toBeCloseTo(0.05, 2);
    expect(deadLetters / records).toBeCloseTo(0.02, 2);
  });

  test('has single and group chats, some of them hot', () => {
    const { messagesByConversation } = drawn(20_000).workload.expected;
    const kinds = new Set([...messagesByConversation.keys()].map((id) => id.slice(0, id.indexOf(':'))));
    expect(kinds).toEqual(new Set(['single', 'group']));
    const counts = [...messagesByConversation.values()].sort((a, b) => b - a);
    expect(counts[0]! / counts.at(-1)!).toBeGreaterThan(10);
  });

  test('without shares of anything else it is messages only', () => {
    const { duplicates, deadLetters, messages } = drawn(500, { duplicateShare: 0, badShare: 0 }).workload.expected;
    expect([duplicates, deadLetters, messages]).toEqual([0, 0, 500]);
  });
});

describe('seeded chance', () => {
  test('covers its range, both ends included, evenly enough', () => {
    const random = new SeededRandom(1);
    const counts = new Map<number, number>();
    for (let draw = 0; draw < 6_000; draw += 1) {
      const side = random.between(1, 6);
      counts.set(side, (counts.get(side) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual([1, 2, 3, 4, 5, 6]);
    for (const count of counts.values()) expect(Math.abs(count - 1_000)).toBeLessThan(150);
  });

  test('skewed ranks fall off as one over the rank', () => {
    const random = new SeededRandom(1);
    const ranks = new SkewedRanks(100, 1);
    const counts = new Array<number>(100).fill(0);
    for (let draw = 0; draw < 50_000; draw += 1) counts[ranks.draw(random)]! += 1;
    expect(counts[0]! / counts[9]!).toBeGreaterThan(8);
    expect(counts[0]! / counts[9]!).toBeLessThan(12.5);
    expect(counts.every((count) => count > 0)).toBe(true);
  });
});
