/** From what a run saw to its figures and its verdict. Pure, so that a guilty run can be judged in a test. */
import type { CheckVerdict, Delivered, Evidence, Kill, SequenceLoss } from './evidence.js';
import { orderByArrival, orderByClientClock, orderByInorder, type ShownLine } from './orders.js';
import { WINDOW_MS, type DemoPlan, type PlannedChat } from './schedule.js';

/** Over all conversations. */
export interface OrderCounts {
  /** Lines below something that came after them. Of Inorder: those that aren't marked late. */
  readonly inversions: number;
  readonly doubled: number;
  readonly lost: number;
}

export interface InorderCounts extends OrderCounts {
  /** Marked `late`: beyond the window, their sender's order could not be kept. */
  readonly late: number;
  /** Of these, set where they belong by the timeline of a single chat. */
  readonly putBack: number;
  /** Deliveries whose `seq` was not the next of their conversation, or whose `msgId` didn't grow. */
  readonly outOfSequence: number;
  /** Messages that the table has otherwise than the topic. */
  readonly storedOtherwise: number;
}

export interface ShownChat {
  readonly conversationId: string;
  readonly byArrival: readonly ShownLine[];
  readonly byInorder: readonly ShownLine[];
  /** The first `seq` that a new owner of the lane delivered; null where the lane did not move. */
  readonly takenOverAtSeq: number | null;
  /** The first `seq` of the new sender epoch; null where no numbers were lost. */
  readonly newEpochAtSeq: number | null;
}

export interface DemoReport {
  readonly passed: boolean;
  readonly seed: number;
  readonly chats: number;
  readonly senders: number;
  readonly messages: number;
  /** Copies that the network made. */
  readonly copies: number;
  readonly windowMs: number;
  readonly serverClockMs: readonly [number, number];
  readonly largestClientClockMs: number;
  readonly byArrival: OrderCounts;
  readonly byClientClock: OrderCounts;
  readonly byInorder: InorderCounts;
  readonly kill: Kill | null;
  readonly loss: SequenceLoss | null;
  readonly check: CheckVerdict;
  readonly shown: ShownChat;
}

export function judgeDemo(plan: DemoPlan, evidence: Evidence): DemoReport {
  const { arrivals, kill, loss, check } = evidence;
  const { chats } = plan;
  const inorder = chats.map((chat) => orderByInorder(chat, evidence.delivered));
  const byInorder = countInorder(chats, inorder, evidence);
  const messages = chats.reduce((sum, chat) => sum + chat.messages.length, 0);
  const { inversions, doubled, lost, outOfSequence, storedOtherwise } = byInorder;
  const isExact = [inversions, doubled, lost, outOfSequence, storedOtherwise].every((count) => count === 0);
  return {
    passed: isExact && check === 'pass',
    seed: plan.seed,
    chats: chats.length,
    senders: plan.clientClockMs.size,
    messages,
    copies: arrivals.length - new Set(arrivals.map(({ clientMsgId }) => clientMsgId)).size,
    windowMs: WINDOW_MS,
    serverClockMs: plan.serverClockMs,
    largestClientClockMs: Math.max(...[...plan.clientClockMs.values()].map(Math.abs)),
    byArrival: count(chats, (chat) => orderByArrival(chat, arrivals)),
    byClientClock: count(chats, (chat) => orderByClientClock(chat, arrivals)),
    byInorder,
    kill,
    loss,
    check,
    shown: shownChat(chats[0], inorder[0] ?? [], evidence),
  };
}

function count(chats: readonly PlannedChat[], order: (chat: PlannedChat) => readonly ShownLine[]): OrderCounts {
  const lines = chats.flatMap(order);
  const planned = chats.reduce((sum, { messages }) => sum + messages.length, 0);
  const doubled = lines.filter(({ isDouble }) => isDouble).length;
  const inversions = lines.filter(({ isInverted }) => isInverted).length;
  return { inversions, doubled, lost: planned - (lines.length - doubled) };
}

function countInorder(
  chats: readonly PlannedChat[],
  orders: readonly (readonly ShownLine[])[],
  { delivered, stored }: Evidence,
): InorderCounts {
  const lines = orders.flat();
  const late = lines.filter(({ isLate }) => isLate);
  const { lost } = count(chats, (chat) => orders[chats.indexOf(chat)] ?? []);
  return {
    inversions: lines.filter(({ isInverted, isLate }) => isInverted && !isLate).length,
    doubled: delivered.length - new Set(delivered.map(({ clientMsgId }) => clientMsgId)).size,
    lost,
    late: late.length,
    putBack: late.filter(({ isInverted }) => !isInverted).length,
    outOfSequence: outOfSequence(delivered),
    storedOtherwise: storedOtherwise(delivered, stored),
  };
}

function outOfSequence(delivered: readonly Delivered[]): number {
  const last = new Map<string, Delivered>();
  return delivered.filter((one) => {
    const before = last.get(one.conversationId);
    last.set(one.conversationId, one);
    return one.seq !== (before?.seq ?? 0) + 1 || one.msgId <= (before?.msgId ?? -1n);
  }).length;
}

function storedOtherwise(delivered: readonly Delivered[], stored: Evidence['stored']): number {
  const place = ({ conversationId, seq }: { conversationId: string; seq: number }): string =>
    `${seq} ${conversationId}`;
  const rows = new Map(stored.map((row) => [place(row), row.clientMsgId]));
  const differing = delivered.filter((one) => rows.get(place(one)) !== one.clientMsgId).length;
  const places = new Set(delivered.map(place));
  return differing + [...rows.keys()].filter((row) => !places.has(row)).length;
}

function shownChat(chat: PlannedChat, byInorder: readonly ShownLine[], evidence: Evidence): ShownChat {
  const { arrivals, delivered, loss } = evidence;
  const ours = delivered.filter(({ conversationId }) => conversationId === chat.conversationId);
  const firstEpoch = ours[0]?.laneEpoch ?? 0;
  const isOfNewLife = ({ senderId, senderEpoch }: Delivered): boolean =>
    loss !== null && senderId === loss.sender && senderEpoch === loss.epochAfter;
  return {
    conversationId: chat.conversationId,
    byArrival: orderByArrival(chat, arrivals),
    byInorder,
    takenOverAtSeq: ours.find(({ laneEpoch }) => laneEpoch > firstEpoch)?.seq ?? null,
    newEpochAtSeq: ours.find(isOfNewLife)?.seq ?? null,
  };
}
