/**
 * A delivery consumer over a topic in memory: records repeated, left out and made of garbage, a history that may lack
 * rows, handlers that end when told to, rebalances heard or not, another member that handles what isn't ours.
 */
import { FakeGroup, FakeMember } from './fake-group.js';
import { ManualClock } from './manual-clock.js';
import { silentLog } from '../../src/observe/log.js';
import { silentMetrics } from '../../src/observe/metrics.js';
import { deliveryKey, renderDelivery, type Delivery } from '../../src/protocol/delivery.js';
import type { ConversationId, MsgId, Seq } from '../../src/protocol/ids.js';
import type { StampedMessage } from '../../src/protocol/message.js';
import { topicNames } from '../../src/protocol/topics.js';
import type { KafkaRecord, OutgoingRecord } from '../../src/record.js';
import { DeliveryEngine, type DeliveryEngineDeps } from '../../src/stages/delivery/delivery-engine.js';
import { deliveryMetrics } from '../../src/stages/delivery/metrics.js';

/** A record of the topic: what it brings of which conversation, or nothing readable. */
export type Draft = { readonly conversation: string; readonly seq: number } | 'garbage';

export interface Call {
  readonly delivery: Delivery;
  readonly signal: AbortSignal;
  readonly succeed: () => void;
  readonly fail: () => void;
}

const TOPICS = topicNames('t');

export class DeliveryWorld {
  readonly clock = new ManualClock();
  readonly group: FakeGroup;
  readonly engine: DeliveryEngine;
  readonly member: FakeMember;
  /** Calls of the handler that have not ended. */
  readonly calls: Call[] = [];
  /** Every call, as `conversation/seq`, in the order they began. */
  readonly begun: string[] = [];
  readonly deadLetters: OutgoingRecord[] = [];
  readonly broken: string[] = [];
  readonly #drafts: readonly (readonly Draft[])[];
  readonly #missing: ReadonlySet<string>;
  /** What was handled, dead-lettered or handled by the other member: `conversation/seq`, or `garbage/offset`. */
  readonly #dealt = new Set<string>();
  /** The last seq dealt with, by assignment and conversation. */
  readonly #last = new Map<AbortSignal, Map<string, number>>();

  constructor(
    drafts: readonly (readonly Draft[])[],
    options: Partial<Pick<DeliveryEngineDeps, 'onFailure' | 'concurrency' | 'limits'>> & {
      /** Rows that history lacks, as `conversation/seq`. */
      missing?: ReadonlySet<string>;
    } = {},
  ) {
    const { missing = new Set<string>(), ...overrides } = options;
    this.#drafts = drafts;
    this.#missing = missing;
    this.group = new FakeGroup(
      TOPICS.delivery,
      drafts.map((list, partition) => list.map((draft, i) => recordOf(draft, partition, offsetOf(i)))),
    );
    this.group.onCommit = ({ partition, nextOffset }) => {
      this.#checkCommit(partition, nextOffset);
    };
    let member!: FakeMember;
    this.engine = new DeliveryEngine({
      openSource: (handlers) => (member = new FakeMember(this.group, handlers)),
      startPositions: null,
      deadLetters: {
        trouble: null,
        write: (record) => Promise.resolve(this.#deadLetter(record)),
        close: () => Promise.resolve(),
      },
      handler: (delivery, { signal }) => this.#call(delivery, signal),
      history: { read: (query) => Promise.resolve(this.#rows(query.conversationId, query.fromSeq, query.toSeq)) },
      topics: TOPICS,
      dlqPartitions: 1,
      retry: { attempts: 2, initialMs: 10, maxMs: 10, jitter: 0 },
      repair: { initialMs: 10, maxMs: 10, jitter: 0, timeoutMs: 50, pageSize: 2 },
      onFailure: 'dead-letter',
      concurrency: 3,
      limits: { maxHeldRecords: 6, maxHeldBytes: 10_000, maxUncommitted: 12, maxConversations: 100 },
      commitIntervalMs: 250,
      clock: this.clock,
      log: silentLog,
      metrics: deliveryMetrics(silentMetrics),
      onFatal: (error) => {
        this.broken.push(error.message);
      },
      ...overrides,
    });
    this.member = member;
  }

  get partitions(): number[] {
    return this.#drafts.map((_, partition) => partition);
  }

  async start(): Promise<void> {
    await this.engine.start();
    this.rebalance(this.partitions, true);
  }

  /** A new generation in which these partitions are ours; where we don't hear of it, we go on as before. */
  rebalance(ours: readonly number[], hears: boolean): void {
    this.group.rebalance(new Map(hears ? [[this.member, ours]] : []));
  }

  /** The other member handles and commits the next records of a partition that isn't ours any more. */
  handleElsewhere(partition: number, count: number): void {
    const from = this.group.committedOffset(partition);
    const next = (this.group.logs[partition] ?? []).filter(({ offset }) => offset >= from).slice(0, count);
    for (const { offset } of next) {
      const draft = this.#drafts[partition]?.[indexOf(offset)];
      if (draft !== undefined) this.#dealt.add(nameOf(draft, offset));
    }
    const last = next.at(-1);
    if (last !== undefined) this.group.commit({ topic: TOPICS.delivery, partition, nextOffset: last.offset + 1 });
  }

  async end(index: number, well: boolean): Promise<void> {
    const call = this.calls[index % Math.max(1, this.calls.length)];
    if (call === undefined) return;
    this.calls.splice(this.calls.indexOf(call), 1);
    if (well) call.succeed();
    else call.fail();
    await this.clock.pass(0);
  }

  /** Everything is ours, every handler succeeds, until nothing moves. */
  async settle(): Promise<void> {
    this.rebalance(this.partitions, true);
    for (let quiet = 0; quiet < 3;) {
      let moved = this.calls.length > 0;
      while (this.calls.length > 0) await this.end(0, true);
      for (const partition of this.partitions) if (this.member.fetch(partition, 3)) moved = true;
      await this.clock.pass(300);
      quiet = moved ? 0 : quiet + 1;
    }
  }

  async stop(): Promise<void> {
    const stopped = this.engine.stop(1_000);
    await this.clock.pass(2_000);
    await stopped;
  }

  isDealtWith(conversation: string, seq: number): boolean {
    return this.#dealt.has(`${conversation}/${seq}`);
  }

  /** What the promises forbid, in words; empty when all hold. To be asked once settled, where nothing is halted. */
  verdict(): string[] {
    const found = [...this.broken];
    for (const [partition, log] of this.group.logs.entries()) {
      const end = (log.at(-1)?.offset ?? -1) + 1;
      if (this.group.committedOffset(partition) !== end) found.push(`partition ${partition} isn't committed to ${end}`);
    }
    return found;
  }

  #call(delivery: Delivery, signal: AbortSignal): Promise<void> {
    const { conversationId, seq } = delivery;
    const name = `${conversationId}/${seq}`;
    this.begun.push(name);
    if (this.calls.some((other) => other.delivery.conversationId === conversationId)) {
      this.broken.push(`${name} began while another of its conversation ran`);
    }
    const last = this.#lastOf(signal).get(conversationId);
    if (last === undefined) this.#checkStart(conversationId, seq);
    else if (seq !== last + 1) this.broken.push(`${name} came after ${last}`);
    return new Promise((resolve, reject) => {
      this.calls.push({
        delivery,
        signal,
        succeed: () => {
          this.#dealt.add(name);
          this.#lastOf(signal).set(conversationId, seq);
          resolve();
        },
        fail: () => {
          reject(new Error('handler failed'));
        },
      });
    });
  }

  /** Where an assignment begins with a conversation, all that the topic has before it is dealt with. */
  #checkStart(conversationId: string, seq: number): void {
    for (const draft of this.#drafts.flat()) {
      if (draft === 'garbage' || draft.conversation !== conversationId || draft.seq >= seq) continue;
      const name = nameOf(draft, 0);
      if (!this.#dealt.has(name)) this.broken.push(`${conversationId}/${seq} began although ${name} is not dealt with`);
    }
  }

  #checkCommit(partition: number, nextOffset: number): void {
    for (const [i, draft] of (this.#drafts[partition] ?? []).entries()) {
      const name = nameOf(draft, offsetOf(i));
      if (offsetOf(i) >= nextOffset || this.#dealt.has(name)) continue;
      this.broken.push(`${nextOffset} of partition ${partition} is committed, but ${name} is not dealt with`);
    }
  }

  #deadLetter(record: OutgoingRecord): boolean {
    this.deadLetters.push(record);
    const value = String(record.value);
    if (value.startsWith('garbage')) {
      this.#dealt.add(value);
      return true;
    }
    const { conversationId, seq } = JSON.parse(value) as { conversationId: string; seq: number };
    this.#dealt.add(`${conversationId}/${seq}`);
    for (const lasts of this.#last.values()) if (lasts.has(conversationId)) lasts.set(conversationId, seq);
    return true;
  }

  #lastOf(signal: AbortSignal): Map<string, number> {
    let lasts = this.#last.get(signal);
    if (lasts === undefined) this.#last.set(signal, (lasts = new Map<string, number>()));
    return lasts;
  }

  #rows(conversationId: ConversationId, fromSeq: number, toSeq: number): StampedMessage[] {
    const rows: StampedMessage[] = [];
    for (let seq = fromSeq; seq <= toSeq; seq++) {
      if (!this.#missing.has(`${conversationId}/${seq}`)) rows.push(messageOf(conversationId, seq));
    }
    return rows.slice(0, 2);
  }
}

/** Every third offset: transactions leave markers between records. */
function offsetOf(index: number): number {
  return index * 3;
}

function indexOf(offset: number): number {
  return offset / 3;
}

function nameOf(draft: Draft, offset: number): string {
  return draft === 'garbage' ? `garbage/${offset}` : `${draft.conversation}/${draft.seq}`;
}

function recordOf(draft: Draft, partition: number, offset: number): KafkaRecord {
  const place = { topic: TOPICS.delivery, partition, offset, timestampMs: 0, headers: {} };
  if (draft === 'garbage') return { ...place, key: null, value: Buffer.from(`garbage/${offset}`) };
  const message = messageOf(draft.conversation as ConversationId, draft.seq);
  return { ...place, key: deliveryKey(message), value: renderDelivery(message) };
}

export function messageOf(conversationId: ConversationId, seq: number): StampedMessage {
  return {
    kind: 'message',
    conversationId,
    senderId: 'anna',
    receiverId: null,
    groupId: conversationId.slice('group:'.length),
    clientMsgId: `m${seq}`,
    sentAt: 1_700_000_000_000 + seq,
    senderSeq: null,
    prevSenderSeq: null,
    senderEpoch: null,
    body: Buffer.from(`"text ${seq}"`),
    meta: null,
    contentHash: Buffer.alloc(32),
    msgId: BigInt(seq) as MsgId,
    seq: seq as Seq,
    stampedAt: 1_700_000_000_000 + seq,
    late: false,
    place: { partition: 7, offset: 1_000 + seq },
    receivedAt: 1_700_000_000_000 + seq,
    traceparent: null,
    tracestate: null,
  };
}
