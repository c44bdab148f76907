/** The tables of the pipeline in memory, each operation atomic. It keeps what PostgreSQL keeps: the fence, and unique keys. */
import type { StoredHold } from '../../src/ordering/held.js';
import type { SenderIn } from '../../src/ordering/needs.js';
import type { Plan } from '../../src/ordering/plan.js';
import { senderKeyOf, type SenderHead, type SenderKey } from '../../src/ordering/sender.js';
import { identityOf, type Identity } from '../../src/ordering/state.js';
import type { ConversationId, LaneEpoch, LogicOffset, MsgId, Seq } from '../../src/protocol/ids.js';
import type { Stamped, StampedMessage } from '../../src/protocol/message.js';
import type { HistoryQuery } from '../../src/stages/delivery/history.js';
import type { StoredIdentity, StoreOutcome } from '../../src/stages/logic/edges.js';

/** What is planted to see the simulation fail. */
export type PostgresFlaw = 'none' | 'no-fence' | 'forgets-what-is-stored';

export interface LaneRow {
  readonly epoch: number;
  readonly nextOffset: LogicOffset;
  readonly lastMsgId: MsgId;
}

export interface StoredRow {
  readonly stamped: Stamped;
  readonly laneEpoch: number;
  /** The same for the rows of one transaction. */
  readonly batch: number;
}

const NO_ROW: LaneRow = { epoch: 0, nextOffset: 0 as LogicOffset, lastMsgId: 0n as MsgId };

export class MemoryPostgres {
  readonly #flaw: PostgresFlaw;
  readonly #lanes = new Map<number, LaneRow>();
  readonly #rows = new Map<number, StoredRow[]>();
  readonly #held = new Map<number, Map<LogicOffset, StoredHold>>();
  readonly #messages = new Map<Identity, StampedMessage>();
  readonly #conversations = new Map<ConversationId, StampedMessage[]>();
  #batches = 0;

  constructor(flaw: PostgresFlaw = 'none') {
    this.#flaw = flaw;
  }

  lane(partition: number): LaneRow | null {
    return this.#lanes.get(partition) ?? null;
  }

  /** A lane's rows in the order in which they were stored. */
  rows(partition: number): readonly StoredRow[] {
    return this.#rows.get(partition) ?? [];
  }

  take(partition: number): { laneEpoch: LaneEpoch; nextOffset: LogicOffset; lastMsgId: MsgId } {
    const row = this.#lanes.get(partition) ?? NO_ROW;
    const epoch = row.epoch + 1;
    this.#lanes.set(partition, { ...row, epoch });
    return { laneEpoch: epoch as LaneEpoch, nextOffset: row.nextOffset, lastMsgId: row.lastMsgId };
  }

  store(partition: number, plan: Plan, laneEpoch: LaneEpoch): StoreOutcome {
    const row = this.#lanes.get(partition) ?? NO_ROW;
    const isOwner = row.epoch === laneEpoch && row.nextOffset === plan.fromOffset && row.lastMsgId === plan.floor;
    if (!isOwner && this.#flaw !== 'no-fence') return { kind: 'fenced' };
    const messages = plan.stamped.filter((one) => one.kind === 'message');
    const isTaken = [...messages, ...plan.held].some((one) => this.#messages.has(identityOf(one)));
    if (isTaken && this.#flaw === 'none') return { kind: 'conflict', constraint: 'message_identity' };
    if (messages.some((one) => !this.#isNext(one, messages)) && this.#flaw !== 'forgets-what-is-stored') {
      return { kind: 'conflict', constraint: 'message_pkey' };
    }
    const batch = this.#batches++;
    const rows = this.#rows.get(partition) ?? [];
    for (const stamped of plan.stamped) rows.push({ stamped, laneEpoch, batch });
    this.#rows.set(partition, rows);
    for (const message of messages) {
      this.#messages.set(identityOf(message), message);
      this.#conversations.set(message.conversationId, [...this.#rowsOf(message.conversationId), message]);
    }
    const held = this.#heldOf(partition);
    for (const { logicOffset } of plan.released) held.delete(logicOffset);
    for (const one of plan.held) held.set(one.logicOffset, one);
    this.#lanes.set(partition, { epoch: row.epoch, nextOffset: plan.nextOffset, lastMsgId: plan.lastMsgId });
    return { kind: 'stored' };
  }

  held(partition: number): readonly StoredHold[] {
    return [...this.#heldOf(partition).values()];
  }

  heads(conversationIds: readonly ConversationId[]): ReadonlyMap<ConversationId, Seq> {
    const heads = new Map<ConversationId, Seq>();
    for (const id of conversationIds) {
      const last = this.#rowsOf(id).at(-1);
      if (last !== undefined) heads.set(id, last.seq);
    }
    return heads;
  }

  senders(senders: readonly SenderIn[]): ReadonlyMap<SenderKey, SenderHead> {
    const heads = new Map<SenderKey, SenderHead>();
    for (const sender of senders) {
      const key = senderKeyOf(sender);
      const isIts = (one: StampedMessage): boolean => senderKeyOf(one) === key && one.senderSeq !== null && !one.late;
      const row = this.#rowsOf(sender.conversationId).findLast(isIts);
      if (row === undefined) continue;
      const { senderSeq, senderEpoch, sentAt, senderMarks } = row;
      const { highSentAt, formerSentAt } = senderMarks ?? { highSentAt: sentAt, formerSentAt: null };
      heads.set(key, { epoch: senderEpoch ?? 0, senderSeq: senderSeq ?? 0, highSentAt, formerSentAt });
    }
    return heads;
  }

  stored(
    messages: readonly { conversationId: ConversationId; senderId: string; clientMsgId: string }[],
  ): StoredIdentity[] {
    if (this.#flaw === 'forgets-what-is-stored') return [];
    return messages.flatMap((one) => {
      const row = this.#messages.get(identityOf(one));
      return row === undefined ? [] : [{ identity: identityOf(row), contentHash: row.contentHash }];
    });
  }

  unforwarded(partition: number, after: MsgId, limit: number): Stamped[] {
    const above = this.rows(partition).filter(({ stamped }) => stamped.msgId > after);
    return above.slice(0, limit).map(({ stamped }) => stamped);
  }

  messageAt(conversationId: ConversationId, seq: number): StampedMessage | null {
    return this.#rowsOf(conversationId)[seq - 1] ?? null;
  }

  history({ conversationId, fromSeq, toSeq, limit }: HistoryQuery): readonly StampedMessage[] {
    return this.#rowsOf(conversationId)
      .filter(({ seq }) => seq >= fromSeq && seq <= toSeq)
      .slice(0, limit);
  }

  /** The rows of a conversation, in `seq` order. */
  #rowsOf(conversationId: ConversationId): readonly StampedMessage[] {
    return this.#conversations.get(conversationId) ?? [];
  }

  #isNext(message: StampedMessage, batch: readonly StampedMessage[]): boolean {
    const last = this.#rowsOf(message.conversationId).at(-1)?.seq ?? 0;
    const before = batch.filter((one) => one.conversationId === message.conversationId && one.seq < message.seq).length;
    return message.seq === last + before + 1;
  }

  #heldOf(partition: number): Map<LogicOffset, StoredHold> {
    let held = this.#held.get(partition);
    if (held === undefined) this.#held.set(partition, (held = new Map<LogicOffset, StoredHold>()));
    return held;
  }
}
