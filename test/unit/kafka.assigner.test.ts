import { describe, expect, test } from '@jest/globals';
import kafkajs from 'kafkajs';
import type { Cluster, Logger } from 'kafkajs';
import { decodeOwnership, encodeOwnership, stickyAssigner, type Ownership } from '../../src/kafka/assigner.js';

const { MemberAssignment } = kafkajs.AssignerProtocol;
const cluster = {
  findTopicPartitionMetadata: () => [0, 1, 2, 3].map((partitionId) => ({ partitionId })),
} as unknown as Cluster;
const owning = (generation: number, partitions: number[]): Ownership => ({
  generation,
  owned: new Map([['t', partitions]]),
});
const assigner = (ownership: Ownership): ReturnType<ReturnType<typeof stickyAssigner>> =>
  stickyAssigner(() => ownership)({ cluster, groupId: 'g', logger: undefined as unknown as Logger });

describe('the sticky assigner', () => {
  test("lets members keep what they own, through kafkajs' protocol", async () => {
    const members = [
      { memberId: 'a', ...assigner(owning(1, [1, 3])).protocol({ topics: ['t'] }) },
      { memberId: 'b', ...assigner(owning(1, [0, 2])).protocol({ topics: ['t'] }) },
    ].map(({ memberId, metadata }) => ({ memberId, memberMetadata: metadata }));
    const assigned = await assigner(owning(1, [])).assign({ members, topics: ['t'] });
    const shares = assigned.map(({ memberId, memberAssignment }) => [
      memberId,
      MemberAssignment.decode(memberAssignment)?.assignment,
    ]);
    expect(shares).toEqual([
      ['a', { t: [1, 3] }],
      ['b', { t: [0, 2] }],
    ]);
  });

  test('what a member owns survives its encoding', () => {
    const ownership: Ownership = {
      generation: 7,
      owned: new Map([
        ['t', [1, 2]],
        ['__proto__', [0]],
      ]),
    };
    expect(decodeOwnership(encodeOwnership(ownership))).toEqual(ownership);
  });

  test.each([
    null,
    undefined,
    Buffer.alloc(0),
    Buffer.from('not json'),
    Buffer.from('{"generation":"x","owned":[]}'),
    Buffer.from('{"generation":1,"owned":{"t":[1]}}'),
    Buffer.from('{"generation":1,"owned":[["t"]]}'),
    Buffer.from('null'),
  ])('a member that says %p owns nothing', (userData) => {
    expect(decodeOwnership(userData)).toEqual({ generation: -1, owned: new Map() });
  });
});
