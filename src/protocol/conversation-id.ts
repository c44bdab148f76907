import { invariant } from '../invariant.js';
import type { ConversationId } from './ids.js';

/**
 * The unit of order that a message belongs to: `group:<groupId>`, or `single:<a>:<b>` with the two ids in code-point
 * order and `%` and `:` inside them as `%25` and `%3A`. Two conversations never share an id, and the two ends of a single
 * chat have one. A group id needs no escapes: nothing comes after it. Exactly one of the last two arguments is a string.
 */
export function conversationIdOf(senderId: string, receiverId: string | null, groupId: string | null): ConversationId {
  if (groupId !== null) return `group:${groupId}` as ConversationId;
  invariant(receiverId !== null, 'a message has a receiverId or a groupId');
  return (
    comesFirst(senderId, receiverId)
      ? `single:${escapeId(senderId)}:${escapeId(receiverId)}`
      : `single:${escapeId(receiverId)}:${escapeId(senderId)}`
  ) as ConversationId;
}

function escapeId(id: string): string {
  if (!id.includes('%') && !id.includes(':')) return id;
  return id.replaceAll('%', '%25').replaceAll(':', '%3A');
}

/** Whether `a` is at or before `b` in code-point order. `<` compares UTF-16 units, which puts U+10000 before U+E000. */
function comesFirst(a: string, b: string): boolean {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const aUnit = a.charCodeAt(i);
    const bUnit = b.charCodeAt(i);
    if (aUnit !== bUnit) return rank(aUnit) < rank(bUnit);
  }
  return a.length <= b.length;
}

/** UTF-16 units in the order of the code points they begin or belong to: surrogates are the highest. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
