import type { PartitionAssigner } from 'kafkajs';
import kafkajs from 'kafkajs';
import { invariant } from '../invariant.js';
import type { Assignment } from './positions.js';
import { assignSticky, type GroupMember } from './sticky-assignment.js';

/** What a member says about itself when it joins. */
export interface Ownership {
  readonly generation: number;
  readonly owned: Assignment;
}

const { MemberAssignment, MemberMetadata } = kafkajs.AssignerProtocol;
const NAME = 'inorder-sticky';
const VERSION = 1;

/** `assignSticky` as kafkajs wants it; `ownership` is asked at each join. Only the group's leader assigns. */
export function stickyAssigner(ownership: () => Ownership): PartitionAssigner {
  return ({ cluster }) => ({
    name: NAME,
    version: VERSION,
    protocol: ({ topics }) => ({
      name: NAME,
      metadata: MemberMetadata.encode({ version: VERSION, topics, userData: encodeOwnership(ownership()) }),
    }),
    assign: ({ members, topics }) => {
      const partitions = new Map(
        topics.map((topic) => [topic, cluster.findTopicPartitionMetadata(topic).map((known) => known.partitionId)]),
      );
      const shares = assignSticky(members.map(memberOf), partitions);
      const assignments = [...shares].map(([memberId, share]) => ({
        memberId,
        memberAssignment: MemberAssignment.encode({
          version: VERSION,
          assignment: Object.fromEntries(share),
          userData: Buffer.alloc(0),
        }),
      }));
      return Promise.resolve(assignments);
    },
  });
}

function memberOf({ memberId, memberMetadata }: { memberId: string; memberMetadata: Buffer }): GroupMember {
  const userData = MemberMetadata.decode(memberMetadata)?.userData;
  return { memberId, ...decodeOwnership(userData) };
}

/** JSON: a few hundred bytes once per rebalance, and readable in the broker's tools. */
export function encodeOwnership({ generation, owned }: Ownership): Buffer {
  return Buffer.from(JSON.stringify({ generation, owned: [...owned] }));
}

const NOTHING_OWNED: Ownership = { generation: -1, owned: new Map() };

/** What another member wrote is not trusted: anything unexpected counts as owning nothing. */
export function decodeOwnership(userData: Buffer | null | undefined): Ownership {
  if (userData === null || userData === undefined || userData.length === 0) return NOTHING_OWNED;
  try {
    const { generation, owned } = JSON.parse(userData.toString('utf8')) as Record<string, unknown>;
    invariant(Number.isSafeInteger(generation) && Array.isArray(owned), 'an ownership has a generation and a list');
    return { generation: generation as number, owned: new Map(owned.map(topicOf)) };
  } catch {
    return NOTHING_OWNED;
  }
}

function topicOf(entry: unknown): [string, number[]] {
  invariant(Array.isArray(entry) && typeof entry[0] === 'string' && Array.isArray(entry[1]), 'a topic and a list');
  const numbers: unknown[] = entry[1];
  return [entry[0], numbers.filter((partition): partition is number => Number.isSafeInteger(partition))];
}
