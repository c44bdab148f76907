import { invariant } from '../invariant.js';
import type { Assignment } from './positions.js';

/** A member of a group, and what it owned when it asked to join. */
export interface GroupMember {
  readonly memberId: string;
  /** The group's generation in which it came to own that; a younger claim wins. */
  readonly generation: number;
  readonly owned: Assignment;
}

/**
 * Deals partitions out evenly (numbers differ by one at most) and leaves as many as possible where they are, so that a
 * new worker, or a rolling deploy, makes few lanes change hands. Round robin would move nearly all. Pure; the same
 * members and partitions give the same answer in whatever order they come.
 */
export function assignSticky(
  members: readonly GroupMember[],
  partitions: Assignment,
): Map<string, Map<string, number[]>> {
  const all = [...partitions].flatMap(([topic, numbers]) => numbers.map((partition) => ({ topic, partition })));
  all.sort((a, b) => (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition));
  const claimants = claimantsOf(members);
  const shares = new Map<string, Place[]>(members.map(({ memberId }) => [memberId, []]));
  const homeless: Place[] = [];
  for (const place of all) {
    const share = shares.get(claimants.get(nameOf(place)) ?? NOBODY);
    (share ?? homeless).push(place);
  }
  homeless.push(...takeSurplus(shares, all.length));
  for (const place of homeless) emptiest(shares).push(place);
  return new Map([...shares].map(([memberId, share]) => [memberId, byTopic(share)]));
}

/** No member has an empty id. */
const NOBODY = '';

interface Place {
  readonly topic: string;
  readonly partition: number;
}

function nameOf({ topic, partition }: Place): string {
  return `${partition}/${topic}`;
}

/** Who may keep a partition: of several that say they own it, the one of the youngest generation. */
function claimantsOf(members: readonly GroupMember[]): Map<string, string> {
  const claims = new Map<string, GroupMember>();
  for (const member of [...members].sort((a, b) => compareText(a.memberId, b.memberId))) {
    for (const [topic, numbers] of member.owned) {
      for (const partition of numbers) {
        const name = nameOf({ topic, partition });
        const rival = claims.get(name);
        if (rival === undefined || member.generation > rival.generation) claims.set(name, member);
      }
    }
  }
  return new Map([...claims].map(([name, { memberId }]) => [name, memberId]));
}

/** Takes from who has more than a fair share; those who have most keep the shares that are larger by one. */
function takeSurplus(shares: Map<string, Place[]>, total: number): Place[] {
  const fair = Math.floor(total / shares.size);
  let larger = total % shares.size;
  const surplus: Place[] = [];
  const fullestFirst = [...shares].sort(([a, x], [b, y]) => y.length - x.length || compareText(a, b));
  for (const [, share] of fullestFirst) {
    const keeps = share.length > fair && larger > 0 ? fair + 1 : fair;
    if (keeps > fair) larger -= 1;
    surplus.push(...share.splice(keeps));
  }
  return surplus;
}

function emptiest(shares: Map<string, Place[]>): Place[] {
  const [first] = [...shares].sort(([a, x], [b, y]) => x.length - y.length || compareText(a, b));
  invariant(first !== undefined, 'a group has members');
  return first[1];
}

function byTopic(share: readonly Place[]): Map<string, number[]> {
  const topics = new Map<string, number[]>();
  for (const { topic, partition } of [...share].sort((a, b) => a.partition - b.partition)) {
    const numbers = topics.get(topic);
    if (numbers === undefined) topics.set(topic, [partition]);
    else numbers.push(partition);
  }
  return topics;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
