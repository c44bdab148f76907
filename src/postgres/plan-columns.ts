/**
 * A plan as columns: one binary array for each column of `message`, `dead_letter` and `held_message` (ADR 0003). The names here are
 * the columns' names and the order here is the order of the parameters; store-plan.ts makes its SQL from them.
 *
 * The arrays are used again and again. `body` comes first among the parameters: node-postgres copies them into one
 * growing buffer, and a large first piece makes it grow at once.
 */
import { invariant } from '../invariant.js';
import type { HeldMessage } from '../ordering/held.js';
import type { Plan } from '../ordering/plan.js';
import { encodeHeaders } from '../protocol/dead-letter.js';
import type { Received, StampedDeadLetter, StampedMessage } from '../protocol/message.js';
import { BinaryArray, type ElementType } from './binary-array.js';

export const MESSAGE_COLUMNS = {
  body: 'text',
  seq: 'int8',
  msg_id: 'int8',
  sent_at: 'int8',
  received_at: 'int8',
  stamped_at: 'int8',
  ingest_offset: 'int8',
  ingest_partition: 'int4',
  late: 'bool',
  conversation_id: 'text',
  sender_id: 'text',
  receiver_id: 'text',
  group_id: 'text',
  client_msg_id: 'text',
  sender_seq: 'int8',
  prev_sender_seq: 'int8',
  sender_epoch: 'int8',
  content_hash: 'bytea',
  meta: 'text',
  traceparent: 'bytea',
  tracestate: 'bytea',
  high_sent_at: 'int8',
  former_sent_at: 'int8',
} as const satisfies Record<string, ElementType>;

export const HELD_COLUMNS = {
  body: 'text',
  logic_offset: 'int8',
  deadline: 'int8',
  sent_at: 'int8',
  received_at: 'int8',
  ingest_offset: 'int8',
  ingest_partition: 'int4',
  conversation_id: 'text',
  sender_id: 'text',
  receiver_id: 'text',
  group_id: 'text',
  client_msg_id: 'text',
  sender_seq: 'int8',
  prev_sender_seq: 'int8',
  sender_epoch: 'int8',
  content_hash: 'bytea',
  meta: 'text',
  traceparent: 'bytea',
  tracestate: 'bytea',
} as const satisfies Record<string, ElementType>;

/** Rows of `held_message` to be removed. */
export const RELEASED_COLUMNS = { logic_offset: 'int8' } as const satisfies Record<string, ElementType>;

export const DEAD_LETTER_COLUMNS = {
  value: 'bytea',
  msg_id: 'int8',
  stamped_at: 'int8',
  ingest_offset: 'int8',
  ingest_partition: 'int4',
  reason: 'text',
  detail: 'text',
  key: 'bytea',
  headers: 'bytea',
} as const satisfies Record<string, ElementType>;

type Columns<Types extends Record<string, ElementType>> = { readonly [Name in keyof Types]: BinaryArray };

/** What a plan may have for PostgreSQL; in the order of the statement's parts and parameters. */
export const PARTS = ['messages', 'deadLetters', 'held', 'released'] as const;
export type Part = (typeof PARTS)[number];

/** Empty where the plan has none; a column of nulls is a null. */
export type PlanParameters = Readonly<Record<Part, readonly (Buffer | null)[]>>;

/** Holds one plan at a time: what `encode` returns is valid until the next `encode`. */
export class PlanColumns {
  readonly #messages = emptyColumns(MESSAGE_COLUMNS);
  readonly #deadLetters = emptyColumns(DEAD_LETTER_COLUMNS);
  readonly #held = emptyColumns(HELD_COLUMNS);
  readonly #released = emptyColumns(RELEASED_COLUMNS);

  encode({ stamped, held, released }: Pick<Plan, 'stamped' | 'held' | 'released'>): PlanParameters {
    const messages: StampedMessage[] = [];
    const deadLetters: StampedDeadLetter[] = [];
    for (const one of stamped) {
      if (one.kind === 'message') messages.push(one);
      else deadLetters.push(one);
    }
    // Neighbours in the primary key go in together. The sort is stable, so `seq` grows inside a conversation.
    messages.sort(byConversation);
    return {
      messages: written(this.#messages, messages, writeMessage),
      deadLetters: written(this.#deadLetters, deadLetters, writeDeadLetter),
      held: written(this.#held, held, writeHeld),
      released: written(this.#released, released, writeReleased),
    };
  }
}

function written<To extends Readonly<Record<string, BinaryArray>>, Row>(
  to: To,
  rows: readonly Row[],
  write: (to: To, row: Row) => void,
): (Buffer | null)[] {
  if (rows.length === 0) return [];
  const columns = Object.values(to);
  for (const column of columns) column.clear();
  for (const row of rows) write(to, row);
  return columns.map((column) => column.finishSparse());
}

function emptyColumns<Types extends Record<string, ElementType>>(types: Types): Columns<Types> {
  const columns = Object.entries(types).map(([name, type]) => [name, new BinaryArray(type)]);
  return Object.fromEntries(columns) as Columns<Types>;
}

function byConversation(a: StampedMessage, b: StampedMessage): number {
  if (a.conversationId === b.conversationId) return 0;
  return a.conversationId < b.conversationId ? -1 : 1;
}

function writeMessage(to: Columns<typeof MESSAGE_COLUMNS>, message: StampedMessage): void {
  invariant(message.seq > 0, `seq ${message.seq}`);
  writeReceived(to, message);
  to.seq.int8(message.seq);
  to.msg_id.bigInt8(message.msgId);
  to.stamped_at.int8(message.stampedAt);
  to.late.bool(message.late);
  const marks = message.senderMarks ?? null;
  to.high_sent_at.int8(marks === null ? null : marks.highSentAt);
  to.former_sent_at.int8(marks === null ? null : marks.formerSentAt);
}

function writeHeld(to: Columns<typeof HELD_COLUMNS>, held: HeldMessage): void {
  writeReceived(to, held);
  to.logic_offset.int8(held.logicOffset);
  to.deadline.int8(held.deadline);
}

type ReceivedColumns = Omit<Columns<typeof HELD_COLUMNS>, 'logic_offset' | 'deadline'>;

function writeReceived(to: ReceivedColumns, message: Received): void {
  to.body.bytes(message.body);
  to.sent_at.int8(message.sentAt);
  to.received_at.int8(message.receivedAt);
  to.ingest_offset.int8(message.place.offset);
  to.ingest_partition.int4(message.place.partition);
  to.conversation_id.text(message.conversationId);
  to.sender_id.text(message.senderId);
  to.receiver_id.text(message.receiverId);
  to.group_id.text(message.groupId);
  to.client_msg_id.text(message.clientMsgId);
  to.sender_seq.int8(message.senderSeq);
  to.prev_sender_seq.int8(message.prevSenderSeq);
  to.sender_epoch.int8(message.senderEpoch);
  to.content_hash.bytes(message.contentHash);
  to.meta.bytes(message.meta);
  to.traceparent.bytes(message.traceparent);
  to.tracestate.bytes(message.tracestate);
}

function writeReleased(to: Columns<typeof RELEASED_COLUMNS>, { logicOffset }: HeldMessage): void {
  to.logic_offset.int8(logicOffset);
}

function writeDeadLetter(to: Columns<typeof DEAD_LETTER_COLUMNS>, letter: StampedDeadLetter): void {
  to.value.bytes(letter.record.value);
  to.msg_id.bigInt8(letter.msgId);
  to.stamped_at.int8(letter.stampedAt);
  to.ingest_offset.int8(letter.place.offset);
  to.ingest_partition.int4(letter.place.partition);
  to.reason.text(letter.reason);
  // A detail may quote what a producer sent; U+0000 in it would make PostgreSQL refuse the whole batch.
  to.detail.text(letter.detail.replaceAll('\0', '\ufffd'));
  to.key.bytes(letter.record.key);
  to.headers.bytes(encodeHeaders(letter.record.headers));
}
