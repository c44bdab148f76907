/** The demo's traffic is a function of its seed, and shows what it is meant to show whatever the seed. */
import { describe, expect, test } from '@jest/globals';
import { planDemo, WINDOW_MS, type PlannedChat } from '../../src/demo/schedule.js';
import { KILL_BEFORE, LIN, LOSS_BEFORE, SCRIPT } from '../../src/demo/script.js';

const SEEDS = Array.from({ length: 100 }, (_, index) => index * 7_919);
const SMALLEST_PAUSE_MS = 40;

/** A message whose sender says the next thing, which takes less time to arrive. */
function overtaken({ messages }: PlannedChat, byMs: number): number {
  return messages.filter(({ route }, at) => {
    const next = messages[at + 1];
    if (next === undefined || next.isAnswer) return false;
    return route.delayMs > next.pauseMs + next.route.delayMs + byMs;
  }).length;
}

test('the same seed sends the same; another one does not', () => {
  expect(planDemo(7, 12)).toEqual(planDemo(7, 12));
  expect(planDemo(8, 12)).not.toEqual(planDemo(7, 12));
});

test('more chats change nothing for those that are there with fewer', () => {
  expect(planDemo(7, 12).chats.slice(0, 3)).toEqual(planDemo(7, 3).chats);
});

describe('whatever the seed', () => {
  test('in the chat that is shown some are overtaken, one of them beyond the window, and none stays behind for good', () => {
    for (const seed of SEEDS) {
      const [shown] = planDemo(seed, 1).chats;
      expect({ seed, overtaken: overtaken(shown, 0) >= 3 }).toEqual({ seed, overtaken: true });
      expect({ seed, stragglers: overtaken(shown, WINDOW_MS) }).toEqual({ seed, stragglers: 1 });
      expect(Math.max(...shown.messages.map(({ route }) => route.delayMs))).toBeLessThan(2_000);
    }
  });

  test('some messages are doubled, some take the slow server, and clocks are wrong both ways', () => {
    for (const seed of SEEDS) {
      const { chats, clientClockMs, serverClockMs } = planDemo(seed, 12);
      const messages = chats.flatMap((chat) => chat.messages);
      expect(messages.filter(({ copy }) => copy !== null).length).toBeGreaterThan(0);
      expect(new Set(messages.map(({ route }) => route.server))).toEqual(new Set([0, 1]));
      expect(Math.min(...clientClockMs.values())).toBeLessThan(-60_000);
      expect(Math.max(...[...clientClockMs].filter(([name]) => name !== LIN).map(([, ms]) => ms))).toBeGreaterThan(
        60_000,
      );
      expect(serverClockMs.some((ms) => ms !== 0)).toBe(true);
    }
  });

  test('no two chats share a sender or a message, and whoever begins a turn answers', () => {
    for (const seed of SEEDS) {
      const { chats } = planDemo(seed, 12);
      const members = chats.flatMap((chat) => chat.members);
      expect(new Set(members).size).toBe(members.length);
      const ids = chats.flatMap((chat) => chat.messages.map(({ clientMsgId }) => clientMsgId));
      expect(new Set(ids).size).toBe(ids.length);
      const wrong = chats.flatMap(({ messages }) =>
        messages.filter(
          ({ sender, isAnswer, pauseMs }, at) =>
            isAnswer !== (messages[at - 1]?.sender !== sender) || pauseMs < SMALLEST_PAUSE_MS,
        ),
      );
      expect(wrong).toEqual([]);
    }
  });
});

test('the kill comes in the middle of a turn, with a message under way; the loss at the beginning of one', () => {
  expect(SCRIPT[KILL_BEFORE - 1]?.sender).toBe(SCRIPT[KILL_BEFORE]?.sender);
  expect(SCRIPT[LOSS_BEFORE]?.sender).toBe(LIN);
  expect(SCRIPT[LOSS_BEFORE - 1]?.sender).not.toBe(LIN);
  expect(SCRIPT.slice(0, LOSS_BEFORE).some(({ sender }) => sender === LIN)).toBe(true);
});
