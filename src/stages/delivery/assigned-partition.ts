/**
 * One partition of `im.delivery` for as long as this consumer holds it: what waits, what is unfinished, how far each
 * conversation came. Everything here ends with the assignment, `lastSeq` included: another member may have handled
 * messages beyond it since, and the committed offset, not memory, says where to go on.
 *
 * Bounded: payloads by number and bytes, unfinished offsets by number (a halted conversation keeps its offset
 * unfinished, and those finished behind it stay remembered), known conversations by dropping the oldest.
 */
import { BoundedMap } from '../../ordering/bounded-map.js';
import type { Delivery } from '../../protocol/delivery.js';
import type { ConversationId } from '../../protocol/ids.js';
import type { KafkaRecord } from '../../record.js';
import type { CommitCursor } from '../paced-commits.js';
import { Conversation, type PendingRecord, type UnreadableRecord } from './conversation.js';
import { OffsetTracker } from './offset-tracker.js';

export interface PartitionLimits {
  /** Records whose payload is held. */
  readonly maxHeldRecords: number;
  readonly maxHeldBytes: number;
  /** Offsets from the first unfinished one on. */
  readonly maxUncommitted: number;
  /** Conversations whose last `seq` is remembered while nothing of them waits. */
  readonly maxConversations: number;
}

export class AssignedPartition implements CommitCursor {
  readonly topic: string;
  readonly partition: number;
  committedOffset: number | null = null;
  /** Where fetching goes on; null before the first record. */
  fetchOffset: number | null = null;
  highWatermark = 0;
  paused = false;
  /** Aborts what can't finish any more: the partition went away, or a stop ran out of time. Handlers see it. */
  readonly ended = new AbortController();
  /** Aborts waiting between attempts: nothing new begins. */
  readonly closing = new AbortController();
  readonly #limits: PartitionLimits;
  #tracker = new OffsetTracker();
  readonly #lastSeqs: BoundedMap<ConversationId, number>;
  /** Those with something waiting or a turn, and those halted. */
  readonly #conversations = new Map<ConversationId, Conversation>();
  #heldRecords = 0;
  #heldBytes = 0;

  constructor(topic: string, partition: number, limits: PartitionLimits) {
    this.topic = topic;
    this.partition = partition;
    this.#limits = limits;
    this.#lastSeqs = new BoundedMap(limits.maxConversations);
  }

  get nextOffset(): number | null {
    return this.#tracker.nextOffset;
  }

  get heldRecords(): number {
    return this.#heldRecords;
  }

  get isFull(): boolean {
    const { maxHeldRecords, maxHeldBytes, maxUncommitted } = this.#limits;
    return (
      this.#heldRecords >= maxHeldRecords || this.#heldBytes >= maxHeldBytes || this.#tracker.length >= maxUncommitted
    );
  }

  /**
   * Half of what may be held, so that the source isn't paused and resumed with every record. Unfinished offsets have
   * no such margin: behind a halted conversation they only grow, and the others are to go on for as long as can be.
   */
  get isLow(): boolean {
    const { maxHeldRecords, maxHeldBytes, maxUncommitted } = this.#limits;
    return (
      this.#heldRecords <= maxHeldRecords / 2 &&
      this.#heldBytes <= maxHeldBytes / 2 &&
      this.#tracker.length < maxUncommitted
    );
  }

  /** Where the partition begins, found out before anything was taken in; committed, so that the next owner knows. */
  startAt(nextOffset: number): void {
    this.#tracker = new OffsetTracker(nextOffset);
    this.fetchOffset = nextOffset;
  }

  *halted(): Generator<Conversation> {
    for (const conversation of this.#conversations.values()) if (conversation.haltedBy !== null) yield conversation;
  }

  /**
   * Takes a record in, behind what waits of its conversation; null where that one is halted: then the offset stays
   * unfinished and the payload isn't kept. `nextOffset` is where the next one begins, at the earliest.
   */
  take(record: KafkaRecord, content: Delivery | UnreadableRecord, nextOffset: number): Conversation | null {
    const ticket = this.#tracker.begin(record.offset, nextOffset);
    this.fetchOffset = nextOffset;
    const conversation = this.#conversationOf('unreadable' in content ? this.#unreadableId() : content.conversationId);
    if (conversation.haltedBy !== null) return null;
    const byteLength = (record.key?.length ?? 0) + (record.value?.length ?? 0);
    conversation.push({ record, content, ticket, byteLength });
    this.#heldRecords += 1;
    this.#heldBytes += byteLength;
    return conversation;
  }

  /** The conversation's first waiting record is dealt with. Returns whether there is more to commit. */
  finish(conversation: Conversation, pending: PendingRecord): boolean {
    conversation.shift();
    this.#release(pending);
    if (conversation.next === undefined) {
      this.#conversations.delete(conversation.id);
      if (conversation.lastSeq !== null) this.#lastSeqs.set(conversation.id, conversation.lastSeq);
    }
    return this.#tracker.finish(pending.ticket);
  }

  /** Nothing more of this conversation is handled, and nothing from its first waiting record on is committed. */
  halt(conversation: Conversation, why: string): void {
    conversation.haltedBy = why;
    for (const dropped of conversation.clear()) this.#release(dropped);
  }

  /** The partition is no longer ours: handlers are told, nothing waits any more, nothing is committed. */
  revoke(): void {
    this.closing.abort();
    this.ended.abort();
    for (const conversation of this.#conversations.values()) conversation.clear();
    this.#conversations.clear();
    this.#heldRecords = 0;
    this.#heldBytes = 0;
  }

  /** Revoked, or out of time at a stop: outcomes no longer count. */
  isOver(): boolean {
    return this.ended.signal.aborted;
  }

  #conversationOf(id: ConversationId): Conversation {
    let conversation = this.#conversations.get(id);
    if (conversation === undefined) {
      conversation = new Conversation(id, this, this.#lastSeqs.get(id) ?? null);
      this.#conversations.set(id, conversation);
    }
    return conversation;
  }

  /** Unreadable records wait in a conversation of their own; no real id begins like this. */
  #unreadableId(): ConversationId {
    return `unreadable:${this.partition}` as ConversationId;
  }

  #release(pending: PendingRecord): void {
    this.#heldRecords -= 1;
    this.#heldBytes -= pending.byteLength;
  }
}
