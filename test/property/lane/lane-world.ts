/**
 * One lane's world without servers: a PostgreSQL and a Kafka of a few lines that keep the guarantees the protocol
 * counts on and no others, and workers that run the shipped `step` and `decide`. Between a worker's asking, the
 * server's doing and the worker's hearing of it anything may happen: death, another owner, a reply that never comes.
 */
import { judgeTakeover } from '../../../src/lane/judge-takeover.js';
import { NEW_LANE, type LaneEffect, type LaneEvent, type LaneState } from '../../../src/lane/state.js';
import { step, wantsBatch } from '../../../src/lane/step.js';
import { encodeWatermark } from '../../../src/lane/watermark.js';
import { BoundedMap } from '../../../src/ordering/bounded-map.js';
import { advance, decide } from '../../../src/ordering/decide.js';
import { reopenHold, type Moment, type StoredHold } from '../../../src/ordering/held.js';
import { unknownConversations, unknownSenders } from '../../../src/ordering/needs.js';
import type { Plan } from '../../../src/ordering/plan.js';
import { senderKeyOf, type SenderHead, type SenderKey } from '../../../src/ordering/sender.js';
import {
  contentHashOf,
  identityOf,
  newOrderingState,
  nextDueMs,
  type OrderingState,
} from '../../../src/ordering/state.js';
import type { LaneEpoch, LogicOffset, MsgId, Seq } from '../../../src/protocol/ids.js';
import type { Stamped, StampedMessage } from '../../../src/protocol/message.js';
import { REORDER } from '../../support/reorder-rules.js';
import { batchOf, type Draft } from './records.js';

/** A broken variant of the protocol, for the proof that the property can fail. */
export type Breakage =
  | 'none'
  | 'no-epoch-check'
  | 'no-postgres-fence'
  | 'no-kafka-fence'
  | 'unknown-assumed-done'
  /** A new owner doesn't look for what is held. */
  | 'holds-forgotten'
  /** A new owner begins every window anew. */
  | 'windows-begun-anew'
  /** A new owner lets everything out whose window is over, before it has read what came meanwhile. */
  | 'not-caught-up';

interface Pending {
  readonly effect: LaneEffect;
  readonly reign: number;
  /** The server's work; returns what the worker will hear. */
  readonly apply: () => LaneEvent;
  reply: LaneEvent | null;
}

interface Worker {
  state: LaneState;
  reign: number;
  ordering: OrderingState | null;
  producerEpoch: number;
  fetchOffset: number;
  pending: Pending[];
  /** Where its monotonic clock began: another place for each process. */
  readonly originMs: number;
}

const PAGE = 3;

export class LaneWorld {
  readonly rows: Stamped[] = [];
  readonly delivered: Stamped[] = [];
  deaths = 0;
  #lane: { epoch: number; nextOffset: number; lastMsgId: MsgId } | null = null;
  #committed: { nextOffset: number; metadata: string } | null = null;
  #producerEpoch = 0;
  #workers: Worker[] = [];
  #orphans: Pending[] = [];
  /** The table of what is held, by offset. */
  readonly #heldRows = new Map<number, StoredHold>();
  #logEnd = 0;
  #wallMs = 1_760_000_000_000;
  #elapsedMs = 0;

  constructor(
    private readonly drafts: readonly Draft[],
    private readonly breakage: Breakage = 'none',
  ) {}

  /** A new owner; the former one, if it lives, doesn't know. */
  assign(): void {
    const worker: Worker = {
      state: NEW_LANE,
      reign: 0,
      ordering: null,
      producerEpoch: -1,
      fetchOffset: 0,
      pending: [],
      originMs: 1_000_000 * this.#workers.length + 7_777 * this.deaths,
    };
    this.#workers.push(worker);
    this.#post(worker, { kind: 'assigned' });
  }

  /** The worker is gone; what it asked for may still be done. */
  kill(index: number): void {
    const worker = this.#workers.splice(index % Math.max(1, this.#workers.length), 1)[0];
    if (worker === undefined) return;
    this.deaths += 1;
    this.#orphans.push(...worker.pending.filter((pending) => pending.reply === null));
  }

  /** The wall clock is set; no time passes. */
  stepClock(ms: number): void {
    this.#wallMs += ms;
  }

  pass(ms: number): void {
    this.#wallMs += ms;
    this.#elapsedMs += ms;
  }

  /** The next records are appended to the log. */
  append(count: number): void {
    this.#logEnd = Math.min(this.drafts.length, this.#logEnd + count);
  }

  /** Lets a server do something that was asked, or a worker hear a reply, or lose it, by `choice`. */
  act(choice: number, loseReply: boolean): void {
    const acts: (() => void)[] = this.#orphans.map((orphan, index) => () => {
      this.#orphans.splice(index, 1);
      orphan.apply();
    });
    for (const worker of this.#workers) {
      if (this.#hasWork(worker)) acts.push(() => this.#feed(worker, choice));
      for (const pending of worker.pending) acts.push(() => this.#advancePending(worker, pending, loseReply));
    }
    acts[choice % Math.max(1, acts.length)]?.();
  }

  /** Heals: everybody dies but a last owner, which works until nothing is left to do and nothing is held. */
  settle(): void {
    this.append(this.drafts.length);
    this.replaceOwner();
    this.runUntilQuiet();
    for (let windows = 0; this.#heldRows.size > 0; windows++) {
      if (windows > 100) throw new Error(`held for ever: ${[...this.#heldRows.keys()].join(' ')}`);
      this.pass(REORDER.windowMs);
      this.runUntilQuiet();
    }
  }

  /** Everybody dies, what they asked for is done, and a new owner comes. */
  replaceOwner(): void {
    while (this.#workers.length > 0) this.kill(0);
    while (this.#orphans.length > 0) this.#orphans.shift()?.apply();
    this.assign();
  }

  /** The only owner does what it can do without time passing. */
  runUntilQuiet(): void {
    const [owner] = this.#workers;
    for (let turns = 0; turns < 10_000; turns++) {
      if (owner === undefined || owner.state.phase === 'ended') break;
      const pending = owner.pending[0];
      if (pending !== undefined) this.#advancePending(owner, pending, false);
      else if (this.#hasWork(owner)) this.#feed(owner, 2);
      else return;
    }
    throw new Error(`never quiet: ${JSON.stringify(owner?.state.end)}`);
  }

  /** The committed position, judged as a takeover would. */
  verdict(): string {
    const lane = this.#lane ?? { nextOffset: 0, lastMsgId: 0n as MsgId };
    return judgeTakeover(
      { nextOffset: lane.nextOffset as LogicOffset, lastMsgId: lane.lastMsgId },
      { committed: this.#committed, logStart: 0, logEnd: this.#logEnd },
    ).kind;
  }

  #advancePending(worker: Worker, pending: Pending, loseReply: boolean): void {
    if (pending.reply === null) {
      pending.reply = pending.apply();
      return;
    }
    worker.pending = worker.pending.filter((other) => other !== pending);
    if (pending.reign !== worker.reign) return;
    this.#post(worker, loseReply ? unknownOf(pending, this.breakage) : pending.reply);
  }

  /** As the driver: records, or held messages that are due. */
  #hasWork(worker: Worker): boolean {
    if (!wantsBatch(worker.state)) return false;
    if (worker.fetchOffset < this.#logEnd) return true;
    const dueMs = worker.ordering === null ? null : nextDueMs(worker.ordering);
    return dueMs !== null && dueMs <= this.#nowOf(worker).monotonicMs;
  }

  #nowOf(worker: Worker): Moment {
    return { nowMs: this.#wallMs, monotonicMs: worker.originMs + this.#elapsedMs };
  }

  #feed(worker: Worker, choice: number): void {
    const to = Math.min(this.#logEnd, worker.fetchOffset + 1 + (choice % 3));
    const batch = batchOf(this.drafts, worker.fetchOffset, to);
    worker.fetchOffset = to;
    this.#post(worker, { kind: 'batch', batch });
  }

  #post(worker: Worker, event: LaneEvent): void {
    const before = worker.ordering;
    if (event.kind === 'stored' && before !== null) advance(before, event.plan);
    const turn = step(worker.state, event);
    worker.state = turn.state;
    for (const effect of turn.effects) this.#begin(worker, effect);
  }

  #begin(worker: Worker, effect: LaneEffect): void {
    if (effect.kind === 'discard') {
      worker.reign += 1;
      worker.ordering = null;
      return;
    }
    if (effect.kind === 'open') {
      const { lastMsgId } = worker.state;
      const { nextOffset } = effect;
      const caughtUpOffset = this.breakage === 'not-caught-up' ? nextOffset : effect.caughtUpOffset;
      const now = this.#nowOf(worker);
      const held = effect.held.map((row) => reopenHold(row, now, REORDER));
      if (this.breakage === 'windows-begun-anew') {
        held.forEach((one, i) => (held[i] = { ...one, dueMs: now.monotonicMs + REORDER.windowMs }));
      }
      const from = { partition: 0, lastMsgId, nextOffset, caughtUpOffset, held };
      worker.ordering = newOrderingState(from, { maxHeads: 100, maxSenders: 100, maxSeen: 2, reorder: REORDER });
      worker.fetchOffset = effect.nextOffset;
      return;
    }
    worker.pending.push({ effect, reign: worker.reign, apply: this.#server(worker, effect), reply: null });
  }

  #server(worker: Worker, effect: Exclude<LaneEffect, { kind: 'discard' | 'open' }>): () => LaneEvent {
    const reign = worker.reign;
    switch (effect.kind) {
      case 'takeLane':
        return () => {
          const row = this.#lane ?? { epoch: 0, nextOffset: 0, lastMsgId: 0n as MsgId };
          this.#lane = { ...row, epoch: row.epoch + 1 };
          const { epoch, nextOffset, lastMsgId } = this.#lane;
          return { kind: 'taken', laneEpoch: epoch as LaneEpoch, nextOffset: nextOffset as LogicOffset, lastMsgId };
        };
      case 'fenceFormer':
        return () => {
          // The producer belongs to the reign that asked: a late answer must not lend its epoch to the next reign.
          const producerEpoch = ++this.#producerEpoch;
          if (reign === worker.reign) worker.producerEpoch = producerEpoch;
          return { kind: 'fencedFormer' };
        };
      case 'readPosition':
        return () => ({
          kind: 'positionRead',
          laneEpoch:
            this.breakage === 'no-epoch-check'
              ? worker.state.laneEpoch
              : ((this.#lane?.epoch ?? null) as LaneEpoch | null),
          committed: this.#committed,
          logStart: 0,
          logEnd: this.#logEnd,
        });
      case 'readUnforwarded':
        return () => {
          const above = this.rows.filter((row) => row.msgId > effect.after).slice(0, PAGE);
          return { kind: 'unforwardedRead', stamped: above, isLast: above.length < PAGE };
        };
      case 'readHeld':
        return () => ({
          kind: 'heldRead',
          held: this.breakage === 'holds-forgotten' ? [] : [...this.#heldRows.values()],
        });
      case 'store':
        return this.#storeOf(worker, effect);
      case 'forward': {
        const producerEpoch = worker.producerEpoch;
        return () => {
          if (producerEpoch !== this.#producerEpoch && this.breakage !== 'no-kafka-fence')
            return { kind: 'forwardFenced' };
          this.delivered.push(...effect.stamped);
          this.#committed = { nextOffset: effect.nextOffset, metadata: encodeWatermark(effect.watermark) };
          return { kind: 'forwarded' };
        };
      }
    }
  }

  #storeOf(worker: Worker, effect: Extract<LaneEffect, { kind: 'store' }>): () => LaneEvent {
    const ordering = worker.ordering;
    if (ordering === null) throw new Error('a store without a reign');
    let plan = this.#decide(worker, ordering, effect, false);
    return () => {
      const row = this.#lane;
      const isThere = row?.nextOffset === plan.fromOffset && row.lastMsgId === plan.floor;
      const owns = row?.epoch === effect.laneEpoch && isThere;
      if (!owns && this.breakage !== 'no-postgres-fence') return { kind: 'storeFenced' };
      if (this.#conflicts(plan)) plan = this.#decide(worker, ordering, effect, true);
      if (this.#conflicts(plan)) return { kind: 'storeUnknown' };
      this.rows.push(...plan.stamped);
      for (const { logicOffset } of plan.released) this.#heldRows.delete(logicOffset);
      for (const held of plan.held) this.#heldRows.set(held.logicOffset, held);
      this.#lane = { epoch: row?.epoch ?? 0, nextOffset: plan.nextOffset, lastMsgId: plan.lastMsgId };
      return { kind: 'stored', plan };
    };
  }

  #decide(
    worker: Worker,
    ordering: OrderingState,
    effect: Extract<LaneEffect, { kind: 'store' }>,
    lookUp: boolean,
  ): Plan {
    for (const id of unknownConversations(ordering, effect.batch)) {
      const seqs = this.#messages().filter((row) => row.conversationId === id);
      ordering.heads.set(id, seqs.length as Seq);
    }
    for (const key of unknownSenders(ordering, effect.batch).keys()) ordering.senders.set(key, this.#headOf(key));
    const state = lookUp ? { ...ordering, seen: allSeen(this.#messages()) } : ordering;
    return decide(state, effect.batch, this.#nowOf(worker));
  }

  /** The sender's last numbered row that isn't late, as load-senders.ts reads it. */
  #headOf(key: SenderKey): SenderHead | null {
    const row = this.#messages().findLast((one) => senderKeyOf(one) === key && one.senderSeq !== null && !one.late);
    if (row === undefined) return null;
    const { senderSeq, senderEpoch, sentAt, senderMarks } = row;
    const { highSentAt, formerSentAt } = senderMarks ?? { highSentAt: sentAt, formerSentAt: null };
    return { epoch: senderEpoch ?? 0, senderSeq: senderSeq ?? 0, highSentAt, formerSentAt };
  }

  #conflicts(plan: Plan): boolean {
    const stored = new Set(this.#messages().map(identityOf));
    const places = new Set(this.#messages().map((row) => `${row.conversationId} ${row.seq}`));
    const isTaken = plan.stamped.some(
      (one) =>
        one.kind === 'message' && (stored.has(identityOf(one)) || places.has(`${one.conversationId} ${one.seq}`)),
    );
    return isTaken || plan.held.some((held) => stored.has(identityOf(held)));
  }

  #messages(): StampedMessage[] {
    return this.rows.filter((row): row is StampedMessage => row.kind === 'message');
  }
}

/** Every stored identity, however many: what a look-up in the database would tell. */
function allSeen(rows: readonly StampedMessage[]): OrderingState['seen'] {
  const seen: OrderingState['seen'] = new BoundedMap(Number.MAX_SAFE_INTEGER);
  for (const row of rows) seen.set(identityOf(row), contentHashOf(row.contentHash));
  return seen;
}

function unknownOf(pending: Pending, breakage: Breakage): LaneEvent {
  switch (pending.effect.kind) {
    case 'store':
      return breakage === 'unknown-assumed-done' && pending.reply?.kind !== 'storeFenced'
        ? (pending.reply ?? { kind: 'storeUnknown' })
        : { kind: 'storeUnknown' };
    case 'forward':
      return breakage === 'unknown-assumed-done' ? { kind: 'forwarded' } : { kind: 'forwardUnknown' };
    default:
      return { kind: 'takeoverFailed' };
  }
}
