import { conversationIdOf } from '../protocol/conversation-id.js';
import type { ConversationId } from '../protocol/ids.js';
import type { SeededRandom } from './random.js';

export interface SyntheticConversation {
  readonly id: ConversationId;
  readonly groupId: string | null;
  readonly members: readonly [string, string, ...string[]];
}

const GROUP_SHARE = 0.3;
const LARGEST_GROUP = 20;
/** Ids may hold nearly anything; one conversation in this many has some of it. */
const AWKWARD_EVERY = 25;
const AWKWARD = ['100%:sure', '王小明', 'a b/c?d', '😀:😀', '%25%3A'] as const;

/** Single and group chats, their members distinct from chat to chat so that numbers of messages can be told apart. */
export function syntheticConversations(count: number, random: SeededRandom): readonly SyntheticConversation[] {
  return Array.from({ length: count }, (_, index) => {
    const isGroup = random.chance(GROUP_SHARE);
    const name = (role: string): string =>
      index % AWKWARD_EVERY === 0 ? `${role}${index}-${random.pick(AWKWARD)}` : `${role}${index}`;
    if (!isGroup) return conversation(null, [name('alice'), name('bob')]);
    const others = Array.from({ length: random.between(1, LARGEST_GROUP - 2) }, (_member, at) => name(`m${at}-`));
    return conversation(name('team'), [name('ann'), name('ben'), ...others]);
  });
}

function conversation(groupId: string | null, members: readonly [string, string, ...string[]]): SyntheticConversation {
  const [first, second] = members;
  const id = groupId === null ? conversationIdOf(first, second, null) : conversationIdOf(first, null, groupId);
  return { id, groupId, members };
}
