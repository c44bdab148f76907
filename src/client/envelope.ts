/** Envelopes as a client makes them: checked before a number is taken for them, by the limits of schemas/envelope.v1.json. */
import { InorderError, messageOf } from '../errors.js';
import type { SenderNumbers } from './sequence-store.js';

/** What `im.ingest` takes, version 1. */
export interface OutgoingEnvelope extends SenderNumbers {
  readonly senderId: string;
  /** Exactly one of `receiverId` and `groupId` is there. */
  readonly receiverId?: string;
  readonly groupId?: string;
  readonly clientMsgId: string;
  /** ms since 1970 UTC. */
  readonly sentAt: number;
  readonly body: unknown;
  readonly meta?: object;
}

/** A message as the application has it. */
export interface OutgoingMessage {
  /** The other end of a single chat; exactly one of `to` and `group`. */
  readonly to?: string;
  readonly group?: string;
  /** Any JSON value. It is copied: what changes afterwards isn't sent. */
  readonly body: unknown;
  readonly meta?: object;
  /** The retry identity, unique per sender and conversation; a random UUID unless given. */
  readonly clientMsgId?: string;
  /** ms since 1970 UTC; the clock's time of the call unless given. */
  readonly sentAt?: number;
}

/** A message that lacks nothing but its numbers. */
export type UnnumberedEnvelope = Omit<OutgoingEnvelope, keyof SenderNumbers>;

export const LONGEST_ID = 128;
const DEEPEST_NESTING = 64;
/** Room for the sender's numbers, which are not known yet. */
const NUMBERS_BYTES = 120;

/** @throws InorderError usage, naming the field, what it holds and what was expected */
export function envelopeOf(
  senderId: string,
  message: OutgoingMessage,
  defaults: { readonly newId: () => string; readonly nowMs: () => number; readonly maxBytes: number },
): UnnumberedEnvelope {
  const { to, group, clientMsgId = defaults.newId(), sentAt = defaults.nowMs(), body, meta } = message;
  if ((to === undefined) === (group === undefined)) {
    throw wrong(`to and group are both ${to === undefined ? 'missing' : 'there'}: expected exactly one of them`);
  }
  assertId('senderId', senderId);
  if (to !== undefined) assertId('to', to);
  if (group !== undefined) assertId('group', group);
  assertId('clientMsgId', clientMsgId);
  if (!Number.isSafeInteger(sentAt) || sentAt < 0) {
    throw wrong(`sentAt is ${shown(sentAt)}: expected milliseconds since 1970, an integer from 0 to 2^53-1`);
  }
  const metaCopy = meta === undefined ? undefined : jsonCopy('meta', meta);
  if (meta !== undefined && (typeof metaCopy !== 'object' || metaCopy === null || Array.isArray(metaCopy))) {
    throw wrong('meta is not an object');
  }
  const envelope: UnnumberedEnvelope = {
    senderId,
    ...(to === undefined ? { groupId: group as string } : { receiverId: to }),
    clientMsgId,
    sentAt: sentAt + 0,
    body: jsonCopy('body', body),
    ...(metaCopy === undefined ? {} : { meta: metaCopy as object }),
  };
  const byteCount = new TextEncoder().encode(JSON.stringify(envelope)).length + NUMBERS_BYTES;
  if (byteCount > defaults.maxBytes) {
    throw wrong(`the message takes ${byteCount} bytes: expected at most ${defaults.maxBytes}; send a link instead`);
  }
  return envelope;
}

/** Lengths count code points. */
export function assertId(name: string, value: unknown): void {
  const isText = typeof value === 'string' && value !== '' && value.length <= 2 * LONGEST_ID;
  if (!isText || Array.from(value).length > LONGEST_ID) {
    throw wrong(`${name} is ${shown(value)}: expected a string of 1 to ${LONGEST_ID} characters`);
  }
  assertText(name, value);
}

function assertText(where: string, text: string): void {
  if (!text.isWellFormed()) throw wrong(`${where} holds half of a surrogate pair: expected Unicode text`);
  if (text.includes('\0')) throw wrong(`${where} holds U+0000: expected text without it`);
}

function jsonCopy(field: string, value: unknown): unknown {
  const json = jsonOf(field, value);
  if (json === undefined) throw wrong(`${field} is ${typeof value}: expected a JSON value`);
  if (nestingOf(json) >= DEEPEST_NESTING) {
    throw wrong(
      `${field} is nested deeper than ${DEEPEST_NESTING - 1}: the envelope itself is one level of ${DEEPEST_NESTING}`,
    );
  }
  return JSON.parse(json);
}

/** What JSON.stringify would change without a word (NaN becomes null), or can't write, is refused. */
function jsonOf(field: string, value: unknown): string | undefined {
  try {
    return JSON.stringify(value, (name, member: unknown) => {
      if (typeof member === 'number' && !Number.isFinite(member)) throw wrong(`${field} holds ${member}`);
      if (typeof member === 'string') assertText(field, member);
      assertText(`a name in ${field}`, name);
      return member;
    });
  } catch (error) {
    if (error instanceof InorderError) throw error;
    throw wrong(`${field} is not JSON: ${messageOf(error).split('\n', 1)[0]}`);
  }
}

function nestingOf(json: string): number {
  let depth = 0;
  let deepest = 0;
  let isInString = false;
  for (let at = 0; at < json.length; at++) {
    const character = json[at];
    if (character === '"') isInString = !isInString;
    else if (isInString) at += character === '\\' ? 1 : 0;
    else if (character === '[' || character === '{') deepest = Math.max(deepest, (depth += 1));
    else if (character === ']' || character === '}') depth -= 1;
  }
  return deepest;
}

function shown(value: unknown): string {
  if (typeof value !== 'string') return String(value);
  return value.length > 40 ? `${JSON.stringify(value.slice(0, 40))}…` : JSON.stringify(value);
}

function wrong(what: string): InorderError {
  return new InorderError('usage', what);
}
