/**
 * A plan as columns: one binary array for each column of `message` and `dead_letter` (ADR 0003). The names here are
 * the columns' names and the order here is the order of the parameters; store-plan.ts makes its SQL from them.
 *
 * The arrays are used again and again. `body` comes first among the parameters: node-postgres copies them into one
 * growing buffer, and a large first piece makes it grow at once.
 */
import { invariant } from '../invariant.js';
import { encodeHeaders } from '../protocol/dead-letter.js';
import type { Stamped, StampedDeadLetter, StampedMessage } from '../protocol/message.js';
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
} as const satisfies Record<string, ElementType>;

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

export interface PlanParameters {
  /** Empty where the plan has none; a column of nulls is a null. */
  readonly messages: readonly (Buffer | null)[];
  readonly deadLetters: readonly (Buffer | null)[];
}

/** Holds one plan at a time: what `encode` returns is valid until the next `encode`. */
export class PlanColumns {
  readonly #messages = emptyColumns(MESSAGE_COLUMNS);
  readonly #deadLetters = emptyColumns(DEAD_LETTER_COLUMNS);

  encode(stamped: readonly Stamped[]): PlanParameters {
    const messages: StampedMessage[] = [];
    const deadLetters: StampedDeadLetter[] = [];
    for (const one of stamped) {
      if (one.kind === 'message') messages.push(one);
      else deadLetters.push(one);
    }
    // Neighbours in the primary key go in together. The sort is stable, so `seq` grows inside a conversation.
    messages.sort(byConversation);
    writeMessages(this.#messages, messages);
    writeDeadLetters(this.#deadLetters, deadLetters);
    return {
      messages: messages.length === 0 ? [] : parametersOf(this.#messages),
      deadLetters: deadLetters.length === 0 ? [] : parametersOf(this.#deadLetters),
    };
  }
}

function emptyColumns<Types extends Record<string, ElementType>>(types: Types): Columns<Types> {
  const columns = Object.entries(types).map(([name, type]) => [name, new BinaryArray(type)]);
  return Object.fromEntries(columns) as Columns<Types>;
}

function parametersOf(columns: Readonly<Record<string, BinaryArray>>): (Buffer | null)[] {
  return Object.values(columns).map((column) => column.finishSparse());
}

function byConversation(a: StampedMessage, b: StampedMessage): number {
  if (a.conversationId === b.conversationId) return 0;
  return a.conversationId < b.conversationId ? -1 : 1;
}

function writeMessages(to: Columns<typeof MESSAGE_COLUMNS>, messages: readonly StampedMessage[]): void {
  for (const column of Object.values(to)) column.clear();
  for (const message of messages) {
    invariant(message.seq > 0, `seq ${message.seq}`);
    to.body.bytes(message.body);
    to.seq.int8(message.seq);
    to.msg_id.bigInt8(message.msgId);
    to.sent_at.int8(message.sentAt);
    to.received_at.int8(message.receivedAt);
    to.stamped_at.int8(message.stampedAt);
    to.ingest_offset.int8(message.place.offset);
    to.ingest_partition.int4(message.place.partition);
    to.late.bool(message.late);
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
}

function writeDeadLetters(to: Columns<typeof DEAD_LETTER_COLUMNS>, letters: readonly StampedDeadLetter[]): void {
  for (const column of Object.values(to)) column.clear();
  for (const letter of letters) {
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
}
