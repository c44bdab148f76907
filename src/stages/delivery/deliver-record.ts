/**
 * One turn: takes the next record of a conversation through drop, repair and handling to an end. What `judgeSeq` says
 * is done here, step by step; nothing is decided about order.
 *
 * A failure ends in one of two ways, as configured. `dead-letter`: the message goes to `im.dlq` and the conversation
 * goes on behind it. `halt-conversation`: the conversation stops there, and its offset with it, until the consumer is
 * started again or the partition moves; other conversations go on.
 */
import type { Clock } from '../../clock/clock.js';
import { unreachable } from '../../invariant.js';
import type { Log } from '../../observe/log.js';
import { deadLetterRecord } from '../../protocol/dead-letter.js';
import type { Delivery } from '../../protocol/delivery.js';
import type { DeadLetterReason } from '../../protocol/reasons.js';
import type { TopicNames } from '../../protocol/topics.js';
import type { RawRecord, RecordPlace } from '../../record.js';
import type { Conversation, PendingRecord } from './conversation.js';
import type { DeadLetterWriter } from './dead-letter-writer.js';
import { readHistoryPage, type DeliveryHistory, type RepairPolicy } from './history.js';
import { judgeSeq } from './judge-seq.js';
import type { DeliveryMetrics } from './metrics.js';
import { deliveryOfStored } from './stored-delivery.js';
import { runHandler, type DeliveryHandler, type RetryPolicy } from './run-handler.js';

export type OnFailure = 'dead-letter' | 'halt-conversation';

export interface DeliverDeps {
  readonly handler: DeliveryHandler;
  readonly history: DeliveryHistory | null;
  readonly deadLetters: Pick<DeadLetterWriter, 'write'>;
  readonly topics: TopicNames;
  readonly dlqPartitions: number;
  readonly retry: RetryPolicy;
  readonly repair: RepairPolicy;
  readonly onFailure: OnFailure;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: DeliveryMetrics;
}

export type TurnOutcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'halted'; readonly why: string }
  /** Not finished and not to be committed: the assignment or the consumer is ending. */
  | { readonly kind: 'abandoned' };

/** A message on its way through the handler. */
interface Subject {
  readonly delivery: Delivery;
  readonly raw: RawRecord;
  /** Where it came from, as far as known without asking: its place in `im.ingest`, or that of the delivery record. */
  readonly origin: RecordPlace;
}

const DONE: TurnOutcome = { kind: 'done' };
const ABANDONED: TurnOutcome = { kind: 'abandoned' };

/** Never rejects because of a record, the handler or a server. */
export async function deliverRecord(
  deps: DeliverDeps,
  conversation: Conversation,
  pending: PendingRecord,
): Promise<TurnOutcome> {
  const { content, record } = pending;
  if ('unreadable' in content) return refuseUnreadable(deps, pending, content.unreadable);
  const verdict = judgeSeq(conversation.lastSeq, content.seq);
  switch (verdict.kind) {
    case 'drop':
      deps.metrics.dropped();
      return DONE;
    case 'repair': {
      const repaired = await repairGap(deps, conversation, content, verdict);
      if (repaired.kind === 'missing') return giveUp(deps, conversation, subjectOf(content, pending), repaired.why);
      if (repaired.kind !== 'done') return repaired;
      break;
    }
    case 'handle':
      break;
    default:
      unreachable(verdict);
  }
  return handle(deps, conversation, { delivery: content, raw: record, origin: record });
}

function subjectOf(delivery: Delivery, { record }: PendingRecord): Subject {
  return { delivery, raw: record, origin: record };
}

async function handle(deps: DeliverDeps, conversation: Conversation, subject: Subject): Promise<TurnOutcome> {
  const outcome = await runHandler(deps, subject.delivery, {
    ended: conversation.partition.ended.signal,
    closing: conversation.partition.closing.signal,
  });
  switch (outcome.kind) {
    case 'handled':
      conversation.lastSeq = subject.delivery.seq;
      return DONE;
    case 'failed':
      return giveUp(deps, conversation, subject, `the handler failed ${deps.retry.attempts} times: ${outcome.error}`);
    case 'abandoned':
      return ABANDONED;
    default:
      return unreachable(outcome);
  }
}

type RepairOutcome = TurnOutcome | { readonly kind: 'missing'; readonly why: string };

/** Hands what the topic didn't bring to the handler, from history, in order. */
async function repairGap(
  deps: DeliverDeps,
  conversation: Conversation,
  { conversationId, seq }: Delivery,
  gap: { readonly fromSeq: number; readonly toSeq: number },
): Promise<RepairOutcome> {
  const { history, log, metrics } = deps;
  metrics.gap();
  log.warn('the topic left messages out', { conversationId, ...gap, beforeSeq: seq, repairable: history !== null });
  const missing = (fromSeq: number, why: string): RepairOutcome => {
    return { kind: 'missing', why: `messages ${fromSeq} to ${gap.toSeq} are missing before it: ${why}` };
  };
  if (history === null) return missing(gap.fromSeq, 'there is no history to read them from');
  let fromSeq = gap.fromSeq;
  while (fromSeq <= gap.toSeq) {
    const range = { fromSeq, toSeq: gap.toSeq };
    const page = await readHistoryPage(
      { ...deps, history },
      conversationId,
      range,
      conversation.partition.closing.signal,
    );
    if (page.kind === 'abandoned') return ABANDONED;
    if (page.kind === 'missing') return missing(fromSeq, page.why);
    for (const message of page.messages) {
      const outcome = await handle(deps, conversation, deliveryOfStored(message, deps.topics));
      if (outcome.kind !== 'done') return outcome;
      metrics.repaired();
      fromSeq = message.seq + 1;
    }
  }
  return DONE;
}

/** The message has failed for good. */
async function giveUp(
  deps: DeliverDeps,
  conversation: Conversation,
  subject: Subject,
  why: string,
): Promise<TurnOutcome> {
  const { conversationId, seq } = subject.delivery;
  if (deps.onFailure === 'halt-conversation') {
    deps.log.error('conversation halted: nothing more of it is handled', { conversationId, seq, error: why });
    return { kind: 'halted', why: `seq ${seq}: ${why}` };
  }
  deps.log.error('message dead-lettered, its conversation goes on without it', { conversationId, seq, error: why });
  const origin = await ingestPlaceOf(deps, conversation, subject);
  if (!(await writeDeadLetter(deps, subject.raw, origin, 'handler_failed', why))) return ABANDONED;
  conversation.lastSeq = seq;
  return DONE;
}

/** The record's place in `im.ingest` where history knows it, else its place in `im.delivery`. */
async function ingestPlaceOf(deps: DeliverDeps, conversation: Conversation, subject: Subject): Promise<RecordPlace> {
  const { history, topics, repair } = deps;
  const { delivery, origin } = subject;
  if (history === null || origin.topic === topics.ingest) return origin;
  const one = { fromSeq: delivery.seq, toSeq: delivery.seq };
  const policy = { ...repair, timeoutMs: Math.min(repair.timeoutMs, MAX_PLACE_WAIT_MS) };
  const page = await readHistoryPage(
    { ...deps, history, repair: policy },
    delivery.conversationId,
    one,
    conversation.partition.closing.signal,
  );
  const message = page.kind === 'messages' ? page.messages[0] : undefined;
  return message === undefined ? origin : { topic: topics.ingest, ...message.place };
}

/** A dead letter names a better place when history answers soon; it doesn't wait for it as a gap does. */
const MAX_PLACE_WAIT_MS = 2_000;

async function refuseUnreadable(deps: DeliverDeps, { record }: PendingRecord, why: string): Promise<TurnOutcome> {
  const { topic, partition, offset } = record;
  deps.log.error('a record of the delivery topic is none: dead-lettered', { topic, partition, offset, error: why });
  deps.metrics.unreadable();
  return (await writeDeadLetter(deps, record, record, 'invalid_delivery_record', why)) ? DONE : ABANDONED;
}

async function writeDeadLetter(
  deps: DeliverDeps,
  raw: RawRecord,
  { topic, partition, offset }: RecordPlace,
  reason: DeadLetterReason,
  detail: string,
): Promise<boolean> {
  const { topics, dlqPartitions, clock, deadLetters, metrics } = deps;
  const place = { partition, offset };
  const { key, value, headers } = deadLetterRecord({ record: raw, place, topic, reason, detail, atMs: clock.nowMs() });
  const written = await deadLetters.write({
    topic: topics.dlq,
    partition: partition % dlqPartitions,
    key,
    value,
    headers,
  });
  if (written) metrics.deadLettered(reason);
  return written;
}
