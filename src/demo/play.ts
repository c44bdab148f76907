/** Plays the plan: all chats at once, each line by line, and the accidents where the script has them. */
import { setTimeout as delay } from 'node:timers/promises';
import type { DeliveryWatch } from './delivery-watch.js';
import type { People } from './people.js';
import type { DemoPlan, PlannedChat } from './schedule.js';

export interface PlayOptions {
  readonly plan: DemoPlan;
  readonly people: People;
  readonly watch: DeliveryWatch;
  /** Runs before a line of the chat that is shown; answers the line's sender's epoch where that line was sent. */
  readonly beforeLine: (index: number) => Promise<void>;
  readonly afterLine: (index: number, senderEpoch: number) => void;
  readonly stop: AbortSignal;
}

const DELIVERY_LIMIT_MS = 45_000;

/** Resolves when every message was delivered. @throws InorderError where one was not, or could not be sent */
export async function play(options: PlayOptions): Promise<void> {
  await Promise.all(options.plan.chats.map((chat) => playChat(chat, options)));
}

async function playChat(chat: PlannedChat, options: PlayOptions): Promise<void> {
  const { plan, people, watch, stop } = options;
  const isShown = chat === plan.chats[0];
  const ids = chat.messages.map(({ clientMsgId }) => clientMsgId);
  for (const [index, { sender, text, clientMsgId, isAnswer, pauseMs }] of chat.messages.entries()) {
    if (isAnswer) await watch.untilDelivered(ids.slice(0, index), DELIVERY_LIMIT_MS);
    await delay(pauseMs, undefined, { signal: stop });
    if (isShown) await options.beforeLine(index);
    const other = chat.members.find((member) => member !== sender) ?? sender;
    const target = chat.groupId === null ? { to: other } : { group: chat.groupId };
    const senderEpoch = await people.say(sender, { ...target, clientMsgId, body: { text } });
    if (isShown) options.afterLine(index, senderEpoch);
  }
  await watch.untilDelivered(ids, DELIVERY_LIMIT_MS);
}
