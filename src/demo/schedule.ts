/**
 * What the demo sends, and what its network does to it: a pure function of the seed. Moments are relative, because
 * people answer what they have read: a message waits for those before it, not for a time of day.
 */
import { conversationIdOf } from '../protocol/conversation-id.js';
import type { ConversationId } from '../protocol/ids.js';
import { SeededRandom } from '../workload/random.js';
import { LIN, MIA, SCRIPT } from './script.js';

/** One of the two servers that take messages in. */
export type ServerIndex = 0 | 1;

/** One way through the network. */
export interface Route {
  readonly server: ServerIndex;
  readonly delayMs: number;
}

export interface PlannedMessage {
  readonly clientMsgId: string;
  readonly sender: string;
  readonly text: string;
  /** Its sender has everything before it on the screen, and answers. Otherwise it goes on talking. */
  readonly isAnswer: boolean;
  /** From that moment, or from its sender's last message. */
  readonly pauseMs: number;
  readonly route: Route;
  /** Where the network doubles it: the copy's way. */
  readonly copy: Route | null;
}

/**
 * Everyone has read everything before they answer, so the right order is known, line by line: that of `messages`. No
 * other order shows every sender's messages as sent, and each answer below what it answers.
 */
export interface PlannedChat {
  readonly conversationId: ConversationId;
  readonly groupId: string | null;
  readonly members: readonly string[];
  readonly messages: readonly PlannedMessage[];
}

export interface DemoPlan {
  readonly seed: number;
  /** The one that is shown, and others. */
  readonly chats: readonly [PlannedChat, ...PlannedChat[]];
  /** By sender: what its clock shows, less the true time, ms. */
  readonly clientClockMs: ReadonlyMap<string, number>;
  /** The same of the two servers. */
  readonly serverClockMs: readonly [number, number];
}

/** The pipeline's window while the demo runs, ms. */
export const WINDOW_MS = 500;
/** Half a second behind: far from rare where nobody watches. */
const SECOND_SERVER_MS = -700;
const EIGHT_HOURS_MS = 8 * 3_600_000;
const LARGEST_SKEW_S = 240;

const FAST_MS = [15, 60] as const;
/** Overtaken by what follows, and still inside the window. */
const SLOW_MS = [190, 320] as const;
/** Beyond the window, for certain. */
const STRAGGLING_MS = [1_150, 1_350] as const;
const PAUSE_BETWEEN_MS = [40, 90] as const;
const PAUSE_BEFORE_ANSWER_MS = [120, 300] as const;

const SLOW_TURN_SHARE = 0.7;
const STRAGGLER_SHARE = 0.1;
const COPY_SHARE = 0.1;
const GROUP_SHARE = 0.3;
const TURNS = 6;
const LONGEST_TURN = 4;

type Spoken = Pick<PlannedMessage, 'sender' | 'text' | 'isAnswer'>;
/** What the network does to the messages of a turn; null: nothing in particular. */
type Fate = 'slow' | 'straggling' | null;

/** @param chatCount at least 1 */
export function planDemo(seed: number, chatCount: number): DemoPlan {
  const random = new SeededRandom(seed);
  const shown = planShown(random);
  const others = Array.from({ length: chatCount - 1 }, (_, index) => planOther(index + 1, random));
  const clientClockMs = new Map<string, number>();
  for (const { members } of [shown, ...others]) {
    for (const sender of members) clientClockMs.set(sender, skewMs(random));
  }
  clientClockMs.set(LIN, EIGHT_HOURS_MS);
  return { seed, chats: [shown, ...others], clientClockMs, serverClockMs: [0, SECOND_SERVER_MS] };
}

function planShown(random: SeededRandom): PlannedChat {
  const spoken = SCRIPT.map(({ sender, text }, at) => ({ sender, text, isAnswer: SCRIPT[at - 1]?.sender !== sender }));
  const turns = turnsOf(spoken);
  // One message here is a straggler, whatever the seed: that is what the visitor is to see.
  const stragglerIn = random.between(1, turns.length - 2);
  const fates = turns.map((turn, index) => fatesOf(turn, random, index === stragglerIn ? 'straggling' : 'slow'));
  return { ...chatBetween([MIA, LIN], null), messages: route(turns, fates, 'shown', random) };
}

function planOther(index: number, random: SeededRandom): PlannedChat {
  const isGroup = random.chance(GROUP_SHARE);
  const members = isGroup ? ['ann', 'ben', 'cem', '大卫'] : ['eva', 'finn'];
  const names = members.map((name) => `${name}${index}`);
  let last: string | null = null;
  const turns = Array.from({ length: TURNS }, (_, turn): Spoken[] => {
    const others = names.filter((name) => name !== last) as [string, ...string[]];
    const sender = random.pick(others);
    last = sender;
    const count = random.between(1, LONGEST_TURN);
    return Array.from({ length: count }, (_line, line) => ({
      ...{ sender, text: `turn ${turn + 1}, message ${line + 1}`, isAnswer: line === 0 },
    }));
  });
  const fates = turns.map((turn) => {
    const draw = random.fraction();
    const fate = draw < STRAGGLER_SHARE ? 'straggling' : draw < SLOW_TURN_SHARE ? 'slow' : null;
    return fatesOf(turn, random, fate);
  });
  return {
    ...chatBetween(names as [string, string], isGroup ? `team${index}` : null),
    messages: route(turns, fates, `chat${index}`, random),
  };
}

function chatBetween(
  members: readonly [string, string, ...string[]],
  groupId: string | null,
): Omit<PlannedChat, 'messages'> {
  const [first, second] = members;
  const conversationId = conversationIdOf(first, groupId === null ? second : null, groupId);
  return { conversationId, groupId, members };
}

/** Any but the last of a turn may be slow: only what is overtaken is out of order. */
function fatesOf(turn: readonly Spoken[], random: SeededRandom, fate: Fate): Fate[] {
  const chosen = random.between(0, Math.max(0, turn.length - 2));
  return turn.map((_, at) => (turn.length > 1 && at === chosen ? fate : null));
}

function route(
  turns: readonly (readonly Spoken[])[],
  fates: readonly (readonly Fate[])[],
  name: string,
  random: SeededRandom,
): PlannedMessage[] {
  const messages: PlannedMessage[] = [];
  turns.forEach((turn, at) =>
    turn.forEach((spoken, line) => {
      const [from, to] = spoken.isAnswer ? PAUSE_BEFORE_ANSWER_MS : PAUSE_BETWEEN_MS;
      const fate = fates[at]?.[line] ?? null;
      messages.push({
        ...spoken,
        clientMsgId: `${name}-${messages.length + 1}`,
        pauseMs: random.between(from, to),
        route: way(random, fate === 'straggling' ? STRAGGLING_MS : fate === 'slow' ? SLOW_MS : FAST_MS),
        copy: random.chance(COPY_SHARE) ? way(random, SLOW_MS) : null,
      });
    }),
  );
  return messages;
}

function way(random: SeededRandom, [from, to]: readonly [number, number]): Route {
  return { server: random.chance(0.5) ? 1 : 0, delayMs: random.between(from, to) };
}

function turnsOf(spoken: readonly Spoken[]): Spoken[][] {
  const turns: Spoken[][] = [];
  for (const one of spoken) {
    if (one.isAnswer) turns.push([]);
    turns.at(-1)?.push(one);
  }
  return turns;
}

function skewMs(random: SeededRandom): number {
  return random.between(-LARGEST_SKEW_S, LARGEST_SKEW_S) * 1_000;
}
