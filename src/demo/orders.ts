/** The same messages in three orders: two that a server without Inorder would show, and Inorder's. Pure. */
import { Timeline } from '../client/timeline.js';
import type { Arrival, Delivered } from './evidence.js';
import { inversionsOf } from './inversions.js';
import type { PlannedChat, PlannedMessage } from './schedule.js';

export interface ShownLine {
  readonly message: PlannedMessage;
  /** It stands below something that came after it. */
  readonly isInverted: boolean;
  /** It is shown for a second time. */
  readonly isDouble: boolean;
  /** Inorder said that it came too late to keep its sender's order. */
  readonly isLate: boolean;
  /** Inorder's number; null in the other orders. */
  readonly seq: number | null;
}

/** As the two servers' clocks have it: each message where its stamp puts it, copies too. */
export function orderByArrival(chat: PlannedChat, arrivals: readonly Arrival[]): ShownLine[] {
  return naive(chat, arrivals, ({ stampMs }) => stampMs);
}

/** As the clients' clocks have it. */
export function orderByClientClock(chat: PlannedChat, arrivals: readonly Arrival[]): ShownLine[] {
  return naive(chat, arrivals, ({ sentAt }) => sentAt);
}

/** As a client that reads the delivery topic shows it. */
export function orderByInorder(chat: PlannedChat, delivered: readonly Delivered[]): ShownLine[] {
  const timeline = new Timeline<Delivered>();
  for (const one of delivered) {
    if (one.conversationId === chat.conversationId) timeline.add(one);
  }
  return linesOf(chat, timeline.messages, ({ late, seq }) => ({ isLate: late, seq }));
}

function naive(chat: PlannedChat, arrivals: readonly Arrival[], clock: (arrival: Arrival) => number): ShownLine[] {
  const ours = arrivals.filter(({ conversationId }) => conversationId === chat.conversationId);
  // Sorting is stable: at one and the same time, what came first is first.
  const shown = ours.sort((a, b) => clock(a) - clock(b));
  return linesOf(chat, shown, () => ({ isLate: false, seq: null }));
}

/** Messages that the plan doesn't know can't be: they are left out, and counted as lost where they should be. */
function linesOf<T extends { readonly clientMsgId: string }>(
  chat: PlannedChat,
  shown: readonly T[],
  details: (one: T) => Pick<ShownLine, 'isLate' | 'seq'>,
): ShownLine[] {
  const positions = new Map(chat.messages.map(({ clientMsgId }, position) => [clientMsgId, position]));
  const seen = new Set<number>();
  const found = shown.flatMap((one) => {
    const position = positions.get(one.clientMsgId);
    const message = position === undefined ? undefined : chat.messages[position];
    if (position === undefined || message === undefined) return [];
    const isDouble = seen.has(position);
    seen.add(position);
    return [{ message, position, isDouble, ...details(one) }];
  });
  const inverted = inversionsOf(found.filter(({ isDouble }) => !isDouble).map(({ position }) => position));
  let at = 0;
  return found.map(({ message, isDouble, isLate, seq }) => {
    const isInverted = isDouble ? false : (inverted[at++] ?? false);
    return { message, isInverted, isDouble, isLate, seq };
  });
}
