/**
 * Sender order during one `decide`: which message goes out now, which waits, what is given up. Works on copies; the
 * state stays as it was, so that a plan that was not stored leaves no trace.
 *
 * A message waits where it names a message before it that was not delivered, or where one of its sender's with a lower
 * number waits. It goes out when its turn comes, when its window ends, or when a bound is reached: then the gap it
 * waits for is given up, it goes out with whatever waits before it, in order, and what then still comes is late. Nobody
 * else waits for it.
 */
import { invariant } from '../invariant.js';
import type { ConversationId, LogicOffset } from '../protocol/ids.js';
import type { Incoming, Received, SenderMarks } from '../protocol/message.js';
import { holdOf, type HeldMessage, type Moment } from './held.js';
import { inSenderOrder, judgeNumber } from './judge-number.js';
import { headAfter, marksOf, senderKeyOf, type Numbers, type SenderHead, type SenderKey } from './sender.js';
import type { OrderingState } from './state.js';
import { isTold, windowEndMs, type IngestTime } from './window-end.js';

export type GiveUpReason = 'window' | 'sender_bound' | 'lane_bound' | 'sender_reset';

/** A gap that was not waited for any longer. */
export interface GivenUp {
  readonly conversationId: ConversationId;
  readonly senderId: string;
  readonly reason: GiveUpReason;
  /** The last number delivered in turn before it; 0 where there was none. */
  readonly afterSenderSeq: number;
  /** The first number that waited for it. */
  readonly senderSeq: number;
}

/** Gives a message its place in the order. */
export type Deliver = (message: Received, late: boolean, marks: SenderMarks | null) => void;

type Numbered<T> = T & { readonly senderSeq: number };
const NO_LINE: readonly HeldMessage[] = [];

export class Resequencer {
  /** Heads that moved. */
  readonly senders = new Map<SenderKey, SenderHead>();
  /** The lines that changed, as they are now: held messages of one sender, in its order. An empty one has closed. */
  readonly lines = new Map<SenderKey, HeldMessage[]>();
  /** Held before, out now. */
  readonly released = new Map<LogicOffset, HeldMessage>();
  /** Held now and not before. */
  readonly held = new Map<LogicOffset, HeldMessage>();
  readonly givenUp: GivenUp[] = [];
  /** Of the partitions that were heard of. */
  readonly ingestTimes = new Map<number, IngestTime>();
  heldCount: number;
  heldBytes: number;
  readonly #state: OrderingState;
  readonly #now: Moment;
  readonly #deliver: Deliver;
  /** Over what was held before, in the order of its deadlines. */
  readonly #before: Iterator<HeldMessage>;
  #oldestBefore: HeldMessage | undefined;
  /** What was held before and whose deadline has come, by ingest partition, the oldest last. */
  readonly #overdue = new Map<number, HeldMessage[]>();

  constructor(state: OrderingState, now: Moment, deliver: Deliver) {
    this.#state = state;
    this.#now = now;
    this.#deliver = deliver;
    this.heldCount = state.held.size;
    this.heldBytes = state.heldBytes;
    this.#before = state.held.values();
    this.#oldestBefore = nextOf(this.#before);
    for (const message of state.held.values()) {
      if (message.dueMs > now.monotonicMs) break;
      const { partition } = message.place;
      const others = this.#overdue.get(partition);
      if (others === undefined) this.#overdue.set(partition, [message]);
      else others.push(message);
    }
    for (const overdue of this.#overdue.values()) overdue.reverse();
  }

  /** A record came: its ingest partition has come so far. Lets out whose window that tells to be over. */
  hear({ place: { partition }, receivedAt }: Received): void {
    const reached: IngestTime = { receivedAt, heardMs: this.#now.monotonicMs };
    this.ingestTimes.set(partition, reached);
    const overdue = this.#overdue.get(partition) ?? [];
    for (let oldest = overdue.at(-1); oldest !== undefined; oldest = overdue.at(-1)) {
      const isOut = this.released.has(oldest.logicOffset);
      if (!isOut && !isTold(oldest, reached, this.#state.rules)) return;
      overdue.pop();
      if (!isOut) this.#giveUp(senderKeyOf(oldest), oldest, 'window');
    }
  }

  /** A numbered message came, whose identity is new. */
  arrive(incoming: Numbered<Incoming>, key: SenderKey): void {
    const line = this.lines.get(key) ?? this.#state.lines.get(key) ?? NO_LINE;
    const [first] = line;
    switch (judgeNumber(incoming, this.#headOf(key), line, this.#state.rules.resetAfterMs)) {
      case 'late':
        this.#deliver(incoming, true, null);
        return;
      case 'reset':
        if (first !== undefined) this.#giveUp(key, line.at(-1) ?? first, 'sender_reset');
        this.#deliverInTurn(incoming, key, true);
        return;
      case 'early':
        this.#hold(incoming, key);
        return;
      case 'next':
        if (first !== undefined && inSenderOrder(first, incoming) <= 0) {
          this.#hold(incoming, key);
          return;
        }
        this.#deliverInTurn(incoming, key, false);
        if (first !== undefined) this.#drain(key);
    }
  }

  /**
   * Lets out what has waited for its whole window.
   * @param silentUntilMs until when nothing more came into the log than what was heard; monotonic.
   */
  expire(silentUntilMs: number): void {
    const { rules } = this.#state;
    for (const list of [this.#state.held, this.held]) {
      for (const message of list.values()) {
        if (message.dueMs > this.#now.monotonicMs) break;
        if (this.released.has(message.logicOffset)) continue;
        const reached = this.#reached(message);
        const isOver = isTold(message, reached, rules) || windowEndMs(message, reached, rules) <= silentUntilMs;
        if (isOver) this.#giveUp(senderKeyOf(message), message, 'window');
      }
    }
  }

  #reached({ place }: HeldMessage): IngestTime | undefined {
    return this.ingestTimes.get(place.partition) ?? this.#state.ingestTimes.get(place.partition);
  }

  #hold(incoming: Numbered<Incoming>, key: SenderKey): void {
    const { maxPerSender, maxCount, maxBytes, windowMs } = this.#state.rules;
    const message = holdOf(incoming, incoming.senderSeq, this.#now, windowMs);
    const line = this.#ownLine(key);
    const after = line.findIndex((other) => inSenderOrder(other, message) > 0);
    line.splice(after === -1 ? line.length : after, 0, message);
    this.held.set(message.logicOffset, message);
    this.heldCount += 1;
    this.heldBytes += message.sizeBytes;
    for (let [first] = line; first !== undefined && line.length > maxPerSender; [first] = line) {
      this.#giveUp(key, first, 'sender_bound');
    }
    while (this.heldCount > maxCount || this.heldBytes > maxBytes) {
      const oldest = this.#oldest();
      invariant(oldest !== undefined, 'the bound of held messages is reached, but none is held');
      this.#giveUp(senderKeyOf(oldest), oldest, 'lane_bound');
    }
  }

  /** The gap before `through` will not close: it goes out, with what waits before it, and what then follows. */
  #giveUp(key: SenderKey, through: HeldMessage, reason: GiveUpReason): void {
    const line = this.#ownLine(key);
    const first = line[0] ?? through;
    const { conversationId, senderId } = through;
    const afterSenderSeq = this.#headOf(key)?.senderSeq ?? 0;
    this.givenUp.push({ conversationId, senderId, reason, afterSenderSeq, senderSeq: first.senderSeq });
    const count = line.indexOf(through) + 1;
    invariant(count > 0, `the message at ${through.logicOffset} is not in its sender's line`);
    for (const message of line.splice(0, count)) this.#release(message, key);
    this.#drain(key);
  }

  /** Lets out whose turn it is now. */
  #drain(key: SenderKey): void {
    const line = this.#ownLine(key);
    const { resetAfterMs } = this.#state.rules;
    for (let [first] = line; first !== undefined; [first] = line) {
      if (judgeNumber(first, this.#headOf(key), line, resetAfterMs) === 'early') return;
      line.shift();
      this.#release(first, key);
    }
  }

  #release(message: HeldMessage, key: SenderKey): void {
    if (!this.held.delete(message.logicOffset)) this.released.set(message.logicOffset, message);
    this.heldCount -= 1;
    this.heldBytes -= message.sizeBytes;
    // Only a sender that gives two messages one number has a second whose turn is over.
    const verdict = judgeNumber(message, this.#headOf(key), NO_LINE, this.#state.rules.resetAfterMs);
    if (verdict === 'late') this.#deliver(message, true, null);
    else this.#deliverInTurn(message, key, verdict === 'reset');
  }

  #deliverInTurn(message: Received & Numbers, key: SenderKey, isReset: boolean): void {
    const head = headAfter(this.#headOf(key), message, isReset);
    this.senders.set(key, head);
    this.#deliver(message, false, marksOf(head, message));
  }

  #headOf(key: SenderKey): SenderHead | null {
    const moved = this.senders.get(key);
    if (moved !== undefined) return moved;
    const known = this.#state.senders.get(key);
    invariant(known !== undefined, `the head of sender ${JSON.stringify(key)} was not loaded`);
    return known;
  }

  /** The sender's line, to be changed. */
  #ownLine(key: SenderKey): HeldMessage[] {
    const changed = this.lines.get(key);
    if (changed !== undefined) return changed;
    const own = [...(this.#state.lines.get(key) ?? NO_LINE)];
    this.lines.set(key, own);
    return own;
  }

  /** What is held and has the first deadline. All windows are as long, so later holds are due later. */
  #oldest(): HeldMessage | undefined {
    while (this.#oldestBefore !== undefined && this.released.has(this.#oldestBefore.logicOffset)) {
      this.#oldestBefore = nextOf(this.#before);
    }
    return this.#oldestBefore ?? nextOf(this.held.values());
  }
}

function nextOf<T>(values: Iterator<T>): T | undefined {
  const next = values.next();
  return next.done === true ? undefined : next.value;
}
