/** Option values: text in, checked values out; what is wrong is told with what would be right. */
import { InvalidArgumentError, Option } from 'commander';
import { conversationIdOf } from '../protocol/conversation-id.js';
import type { ConversationId } from '../protocol/ids.js';
import { InorderError } from '../errors.js';

export function wholeNumber(from: number, to: number = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : NaN;
    if (value >= from && value <= to) return value;
    throw new InvalidArgumentError(
      to === Number.MAX_SAFE_INTEGER
        ? `A whole number from ${from} is needed.`
        : `A whole number from ${from} to ${to} is needed.`,
    );
  };
}

/** A whole number with what it is when nothing is said. */
export function numberOption(flags: string, about: string, from: number, to: number, fallback: number): Option {
  return new Option(flags, about).argParser(wholeNumber(from, to)).default(fallback);
}

/** `5%` or `0.05`, as a share from 0 to 1. */
export function share(text: string): number {
  const [, digits, percent] = /^(\d+(?:\.\d+)?)(%?)$/.exec(text) ?? [];
  const value = digits === undefined ? NaN : Number(digits) / (percent === '%' ? 100 : 1);
  if (value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError('A share is needed, such as 5% or 0.05.');
}

/** A moment: `2026-01-31`, `2026-01-31T12:00:00Z`, or how long ago: `30s`, `15m`, `2h`, `7d`. Answers ms since 1970. */
export function moment(text: string, nowMs: number = Date.now()): number {
  const [, count, unit] = /^(\d+)([smhd])$/.exec(text) ?? [];
  if (count !== undefined && unit !== undefined) return nowMs - Number(count) * (UNIT_MS[unit] ?? NaN);
  const ms = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : NaN;
  if (!Number.isNaN(ms)) return ms;
  throw new InvalidArgumentError(
    'A moment is needed, such as 2026-01-31T12:00:00Z, or how long ago: 30s, 15m, 2h, 7d.',
  );
}

const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

export interface ConversationChoice {
  readonly conversation?: string;
  readonly group?: string;
  readonly between?: string;
}

/** The conversation that the options name, or null for all. @throws InorderError usage where they name two. */
export function chosenConversation(choice: ConversationChoice): ConversationId | null {
  const { conversation, group, between } = choice;
  const named = [conversation, group, between].filter((one) => one !== undefined);
  if (named.length === 0) return null;
  if (named.length > 1)
    throw new InorderError('usage', 'give one of --conversation, --group and --between, not several');
  if (group !== undefined) return conversationIdOf('', null, group);
  if (between !== undefined) return betweenTwo(between);
  if (conversation !== undefined && /^(group|single):/.test(conversation)) return conversation as ConversationId;
  throw new InorderError(
    'usage',
    'a conversation id is group:<group> or single:<a>:<b>; --group and --between make one for you',
  );
}

function betweenTwo(pair: string): ConversationId {
  const [a, b, ...more] = pair.split(',').map((id) => id.trim());
  if (!a || !b || more.length > 0) throw new InorderError('usage', '--between takes two ids: --between alice,bob');
  return conversationIdOf(a, b, null);
}
