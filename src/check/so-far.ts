/**
 * What is remembered of a delivery topic while it is read, once for all rules: of each partition a few values and a
 * window, of each conversation its head, of each of its senders a number. Nothing grows with the messages.
 */
import { compareDecimal } from './decimal.js';
import type { DeliveryRecord, Stamped } from './evidence.js';

/** A delivery that readers see. */
export interface Delivered extends DeliveryRecord {
  readonly message: Stamped;
}

export interface PartitionSoFar {
  readonly partition: number;
  /** Whether its beginning is gone: a conversation may begin with any number. */
  readonly isTruncated: boolean;
  lastMsgId: string | null;
  lastOffset: number;
  /** Whether the ids here are made as Inorder makes them; null before the first. */
  idsCarryPartition: boolean | null;
  /** The last ids, to tell a repeated id from one that merely fell. */
  readonly recentIds: (string | null)[];
  recentAt: number;
}

/** A stretch of numbers that were passed over, and the record that did it. */
export interface Gap {
  from: number;
  to: number;
  readonly atOffset: number;
  /** Where a topic is watched: whether it was open at a sweep, and then whether it was reported. */
  state: 'new' | 'swept' | 'reported';
}

export interface ConversationSoFar {
  readonly id: string;
  readonly partition: number;
  /** The highest; 0 before the first. */
  lastSeq: number;
  lastMsgId: string | null;
  /** Of the record with the highest `seq`. */
  lastOffset: number;
  /** Numbers below the highest that were not seen. */
  gaps: Gap[];
  readonly senders: Map<string, SenderSoFar>;
}

/** A sender's life in a conversation, as far as it was delivered. */
export interface SenderSoFar {
  epoch: number;
  lastSenderSeq: number;
  /** The highest `sentAt` of a numbered message. */
  lastSentAt: number;
  lastOffset: number;
}

/** What several rules ask of a delivery and what was before it: found out once, in an object that is used again. */
export interface Step {
  /** Whether its place in the conversation was taken before. */
  isRepeat: boolean;
  /** Its sender's life in the conversation so far. */
  sender: SenderSoFar | undefined;
  /** Whether its `msgId` is above all that were given in the partition; true also where there is none to compare. */
  isIdAbove: boolean;
}

const RECENT_IDS = 4_096;

export class SoFar {
  readonly #partitions = new Map<number, PartitionSoFar>();
  readonly #conversations = new Map<string, ConversationSoFar>();
  readonly #truncated: ReadonlySet<number>;

  constructor(truncated: ReadonlySet<number>) {
    this.#truncated = truncated;
  }

  get conversationCount(): number {
    return this.#conversations.size;
  }

  get partitions(): readonly PartitionSoFar[] {
    return [...this.#partitions.values()];
  }

  conversations(): IterableIterator<ConversationSoFar> {
    return this.#conversations.values();
  }

  partition(partition: number): PartitionSoFar {
    let found = this.#partitions.get(partition);
    if (found === undefined) {
      found = {
        ...{ partition, isTruncated: this.#truncated.has(partition), lastMsgId: null, lastOffset: -1 },
        ...{ idsCarryPartition: null, recentIds: new Array<string | null>(RECENT_IDS).fill(null), recentAt: 0 },
      };
      this.#partitions.set(partition, found);
    }
    return found;
  }

  conversation(id: string, partition: number): ConversationSoFar {
    let found = this.#conversations.get(id);
    if (found === undefined) {
      found = { id, partition, lastSeq: 0, lastMsgId: null, lastOffset: -1, gaps: [], senders: new Map() };
      this.#conversations.set(id, found);
    }
    return found;
  }
}

/** Whether a number was passed over before and not seen since. */
export function isMissing(gaps: readonly Gap[], seq: number): boolean {
  return gaps.some(({ from, to }) => seq >= from && seq <= to);
}

/** Overwrites `step`. */
export function stepOf(
  { message: { seq, msgId, senderId } }: Delivered,
  { lastSeq, gaps, senders }: ConversationSoFar,
  { lastMsgId }: PartitionSoFar,
  step: Step,
): void {
  step.isRepeat = seq <= lastSeq && !isMissing(gaps, seq);
  step.sender = senders.get(senderId);
  step.isIdAbove = msgId === null || lastMsgId === null || compareDecimal(msgId, lastMsgId) > 0;
}

/** Takes the record into what is remembered; to be called after every rule has seen what was before it. */
export function advance(
  record: Delivered,
  conversation: ConversationSoFar,
  partition: PartitionSoFar,
  { isIdAbove }: Step,
): void {
  const { seq, msgId } = record.message;
  if (seq > conversation.lastSeq) {
    const isFirst = conversation.lastSeq === 0 && partition.isTruncated;
    if (seq > conversation.lastSeq + 1 && !isFirst) {
      conversation.gaps.push({ from: conversation.lastSeq + 1, to: seq - 1, atOffset: record.offset, state: 'new' });
    }
    conversation.lastSeq = seq;
    conversation.lastOffset = record.offset;
  } else if (conversation.gaps.length > 0) fill(conversation, seq);
  if (msgId !== null) {
    if (conversation.lastMsgId === null || compareDecimal(msgId, conversation.lastMsgId) > 0)
      conversation.lastMsgId = msgId;
    if (isIdAbove) partition.lastMsgId = msgId;
    partition.recentIds[partition.recentAt] = msgId;
    partition.recentAt = (partition.recentAt + 1) % RECENT_IDS;
  }
  partition.lastOffset = record.offset;
}

function fill(conversation: ConversationSoFar, seq: number): void {
  conversation.gaps = conversation.gaps.flatMap((gap) => {
    const { from, to } = gap;
    if (seq < from || seq > to) return [gap];
    const rest: Gap[] = [];
    if (seq > from) rest.push({ ...gap, to: seq - 1 });
    if (seq < to) rest.push({ ...gap, from: seq + 1 });
    return rest;
  });
}
