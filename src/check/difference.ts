import type { Said, Stamped } from './evidence.js';

const SAID = [
  'conversationId',
  'senderId',
  'clientMsgId',
  'sentAt',
  'senderSeq',
  'senderEpoch',
  'body',
  'meta',
] as const;
const STAMP = ['seq', 'msgId', 'receivedAt', 'stampedAt', 'late'] as const;

/** The first field of what was said that differs, or null. */
export function saidDifference(a: Said, b: Said): (typeof SAID)[number] | null {
  // Said once more than the list has it: this is asked for every message, and a loop over names costs ten times as much.
  if (
    a.body === b.body &&
    a.meta === b.meta &&
    a.conversationId === b.conversationId &&
    a.senderId === b.senderId &&
    a.clientMsgId === b.clientMsgId &&
    a.sentAt === b.sentAt &&
    a.senderSeq === b.senderSeq &&
    a.senderEpoch === b.senderEpoch
  ) {
    return null;
  }
  return SAID.find((name) => a[name] !== b[name]) ?? null;
}

/** The first field of the stamp that differs, or null. */
export function stampDifference(a: Stamped, b: Stamped): (typeof STAMP)[number] | null {
  if (
    a.seq === b.seq &&
    a.msgId === b.msgId &&
    a.receivedAt === b.receivedAt &&
    a.stampedAt === b.stampedAt &&
    a.late === b.late
  ) {
    return null;
  }
  return STAMP.find((name) => a[name] !== b[name]) ?? null;
}

const SHOWN = 60;

/** A value as a finding shows it. */
export function shown(value: string | number | boolean | null): string {
  const text = String(value);
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}
