import type { Delivery } from '../../protocol/delivery.js';
import type { ConversationId } from '../../protocol/ids.js';
import type { KafkaRecord } from '../../record.js';
import type { AssignedPartition } from './assigned-partition.js';
import type { Ticket } from './offset-tracker.js';

/** A record of `im.delivery` that waits for its turn, with its payload. */
export interface PendingRecord {
  readonly record: KafkaRecord;
  readonly ticket: Ticket;
  readonly byteLength: number;
  /** What it says, or why it can't be read. */
  readonly content: Delivery | UnreadableRecord;
}

export interface UnreadableRecord {
  readonly unreadable: string;
}

/** One conversation of one assignment: what waits, in order, and how far it came. */
export class Conversation {
  readonly id: ConversationId;
  readonly partition: AssignedPartition;
  /** The last `seq` that this assignment dealt with; null before the first. */
  lastSeq: number | null;
  /** Why nothing of it is handled any more; null while it is. */
  haltedBy: string | null = null;
  /** Has a turn, or waits for one (turns.ts). */
  scheduled = false;
  /** The same conversation of a later assignment, waiting for the turn of this one to end (turns.ts). */
  successor: Conversation | null = null;
  #pending: PendingRecord[] = [];

  constructor(id: ConversationId, partition: AssignedPartition, lastSeq: number | null) {
    this.id = id;
    this.partition = partition;
    this.lastSeq = lastSeq;
  }

  get next(): PendingRecord | undefined {
    return this.#pending[0];
  }

  push(pending: PendingRecord): void {
    this.#pending.push(pending);
  }

  shift(): PendingRecord | undefined {
    return this.#pending.shift();
  }

  clear(): readonly PendingRecord[] {
    const dropped = this.#pending;
    this.#pending = [];
    return dropped;
  }
}
