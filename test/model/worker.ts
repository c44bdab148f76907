/**
 * A worker of the model: the shipped `step` and `decide`, and around them the shell that the driver is in production,
 * here without promises. A broken variant is this shell doing something else; the decisions stay those that ship.
 */
import { NEW_LANE, type LaneEffect, type LaneEvent } from '../../src/lane/state.js';
import { step } from '../../src/lane/step.js';
import { advance, decide, type LogicBatch } from '../../src/ordering/decide.js';
import { reopenHold, type Moment } from '../../src/ordering/held.js';
import { unknownConversations, unknownSenders } from '../../src/ordering/needs.js';
import type { Plan } from '../../src/ordering/plan.js';
import { senderKeyOf, type SenderHead, type SenderKey } from '../../src/ordering/sender.js';
import {
  contentHashOf,
  identityOf,
  newOrderingState,
  nextDueMs,
  type OrderingState,
} from '../../src/ordering/state.js';
import type { LaneEpoch, Seq } from '../../src/protocol/ids.js';
import type { Stamped } from '../../src/protocol/message.js';
import { REORDER } from '../support/reorder-rules.js';
import { batchOf } from '../property/lane/records.js';
import { canMatter } from './servers.js';
import type { Forward, Reply, Request, Worker, World } from './world.js';

/** What a worker has before its first reign, and after it threw everything in doubt away. */
const NOTHING = { memory: null, producer: null, pending: [], earlyPosition: null, storeNext: null } as const;
const CACHE = { maxHeads: 100, maxSenders: 100, maxSeen: 100, reorder: REORDER };

export function newWorker(name: string): Worker {
  return { name, lane: NEW_LANE, fetchOffset: 0, ...NOTHING };
}

export function post(world: World, index: number, event: LaneEvent): World {
  const worker = workerAt(world, index);
  let after = worker;
  if (event.kind === 'stored' && worker.memory !== null) {
    after = { ...worker, memory: { ...worker.memory, plans: [...worker.memory.plans, event.plan] } };
  }
  const turn = step(worker.lane, event);
  let next = put(world, index, { ...after, lane: turn.state });
  for (const effect of turn.effects) next = begin(next, index, effect);
  const { end } = turn.state;
  if (end?.kind === 'halted') throw new Error(`${worker.name} halts: ${end.reason}`);
  return end === null ? next : letGo(next, index);
}

/** The worker is gone; what it asked for is adrift. */
export function letGo(world: World, index: number): World {
  const { pending } = workerAt(world, index);
  return setAdrift({ ...world, workers: world.workers.with(index, null) }, pending);
}

/** Whether something held is due, and the owner would let it out without a record. */
export function isDue(world: World, worker: Worker): boolean {
  if (worker.memory === null) return false;
  return (nextDueMs(orderingOf(worker)) ?? Number.POSITIVE_INFINITY) <= world.nowMs;
}

/** A batch of the next `count` records of the log; of none, where only what is held is due. */
export function feed(world: World, index: number, count: number): World {
  const worker = workerAt(world, index);
  const { drafts } = world.rules;
  const end = Math.min(drafts.length, worker.fetchOffset + count);
  const batch = batchOf(drafts, worker.fetchOffset, end);
  return post(put(world, index, { ...worker, fetchOffset: end }), index, { kind: 'batch', batch });
}

/** The worker hears what a server answered. */
export function hear(world: World, index: number, request: Request, reply: Reply): World {
  const next = without(world, index, request);
  const worker = workerAt(next, index);
  const { breakage } = world.rules;
  switch (reply.kind) {
    case 'taken': {
      const { epoch, nextOffset, lastMsgId } = reply.row;
      return post(next, index, { kind: 'taken', laneEpoch: epoch as LaneEpoch, nextOffset, lastMsgId });
    }
    case 'initialised': {
      const producer = { epoch: reply.producerEpoch, sequence: 0 };
      return post(put(next, index, { ...worker, producer }), index, { kind: 'fencedFormer' });
    }
    case 'position':
      if (worker.lane.phase === 'fencing') {
        return ask(put(next, index, { ...worker, earlyPosition: reply.position }), index, { kind: 'fence' });
      }
      return ask(next, index, { kind: 'epoch', position: reply.position });
    case 'epoch': {
      const laneEpoch = breakage === 'epoch-not-read-again' ? worker.lane.laneEpoch : reply.laneEpoch;
      return post(next, index, { kind: 'positionRead', laneEpoch, ...reply.position });
    }
    case 'unforwarded':
      return post(next, index, { kind: 'unforwardedRead', stamped: reply.stamped, isLast: reply.isLast });
    case 'held':
      return post(next, index, { kind: 'heldRead', held: reply.held });
    case 'fenced':
      return post(next, index, { kind: request.kind === 'store' ? 'storeFenced' : 'forwardFenced' });
    case 'conflict':
      return decideAgain(next, index, request);
    case 'stored':
      return post(next, index, { kind: 'stored', plan: planOf(request) });
    case 'produced':
      return produced(next, index, request);
    case 'committed':
      return ended(next, index, request);
    case 'aborted':
      return aborted(next, index, request, reply);
  }
}

/** The worker gives up waiting: what became of its request is unknown, and a server may yet do it. */
export function giveUp(world: World, index: number, request: Request): World {
  const { breakage } = world.rules;
  const next = without(world, index, request);
  if (breakage === 'producer-reused-after-unknown' && (request.kind === 'produce' || request.kind === 'end')) {
    // It goes on with the same connection, on which the abort comes after what was sent before.
    const { producer, forward } = request;
    const wasProduced = request.kind === 'end' && forward.stamped.length > 0;
    return ask(next, index, { kind: 'abort', producer, forward, wasProduced });
  }
  return post(setAdrift(next, [request]), index, unknownOf(world, request));
}

function unknownOf({ rules }: World, request: Request): LaneEvent {
  switch (request.kind) {
    case 'store':
      if (rules.breakage === 'unknown-store-assumed-done') return { kind: 'stored', plan: request.plan };
      return { kind: 'storeUnknown' };
    case 'produce':
    case 'end':
    case 'abort':
      return { kind: rules.breakage === 'unknown-forward-assumed-done' ? 'forwarded' : 'forwardUnknown' };
    default:
      return { kind: 'takeoverFailed' };
  }
}

function begin(world: World, index: number, effect: LaneEffect): World {
  const worker = workerAt(world, index);
  switch (effect.kind) {
    case 'discard': {
      return setAdrift(put(world, index, { ...worker, ...NOTHING }), worker.pending);
    }
    case 'takeLane':
      return ask(world, index, { kind: 'take', foundEpoch: world.row.epoch });
    case 'fenceFormer':
      return ask(world, index, {
        kind: world.rules.breakage === 'offset-read-before-fencing' ? 'position' : 'fence',
      });
    case 'readPosition': {
      const early = worker.earlyPosition;
      return ask(world, index, early === null ? { kind: 'position' } : { kind: 'epoch', position: early });
    }
    case 'readUnforwarded':
      return ask(world, index, { kind: 'unforwarded', after: effect.after });
    case 'readHeld':
      return ask(world, index, { kind: 'held' });
    case 'open': {
      const { lastMsgId } = worker.lane;
      const { nextOffset, caughtUpOffset } = effect;
      const held = effect.held.map((row) => reopenHold(row, momentOf(world), REORDER));
      const memory = { lastMsgId, nextOffset, caughtUpOffset, held, plans: [] };
      return put(world, index, { ...worker, memory, fetchOffset: effect.nextOffset });
    }
    case 'store':
      return beginStore(world, index, effect.batch, effect.laneEpoch);
    case 'forward':
      if (world.rules.breakage === 'kafka-first' && worker.lane.phase !== 'emitting') {
        return post(world, index, { kind: 'forwarded' }); // it went out before it was stored
      }
      return forward(world, index, effect);
  }
}

function beginStore(world: World, index: number, batch: LogicBatch, laneEpoch: LaneEpoch): World {
  const plan = decideOn(world, workerAt(world, index), batch, false);
  const request = { kind: 'store', batch, plan, laneEpoch, isSecondTry: false } as const;
  if (world.rules.breakage !== 'kafka-first') return ask(world, index, request);
  const { stamped, nextOffset, lastMsgId } = plan;
  const early: Forward = { kind: 'forward', stamped, nextOffset, watermark: lastMsgId, laneEpoch };
  return forward(put(world, index, { ...workerAt(world, index), storeNext: request }), index, early);
}

function forward(world: World, index: number, effect: Forward): World {
  const { producer } = workerAt(world, index);
  if (producer === null) throw new Error('a forward without a producer');
  return ask(world, index, { kind: effect.stamped.length === 0 ? 'end' : 'produce', producer, forward: effect });
}

function produced(world: World, index: number, request: Request): World {
  if (request.kind !== 'produce') throw new Error(`produced by ${request.kind}`);
  const { forward: sent } = request;
  const producer = { ...request.producer, sequence: request.producer.sequence + sent.stamped.length };
  return ask(put(world, index, { ...workerAt(world, index), producer }), index, {
    kind: 'end',
    producer,
    forward: sent,
  });
}

function ended(world: World, index: number, request: Request): World {
  const worker = workerAt(world, index);
  const { storeNext } = worker;
  if (request.kind !== 'end') throw new Error(`committed by ${request.kind}`);
  if (storeNext === null) return post(world, index, { kind: 'forwarded' });
  return ask(put(world, index, { ...worker, storeNext: null }), index, storeNext);
}

/** What was not open any more is taken for committed, where it was produced; else it is sent again. */
function aborted(world: World, index: number, request: Request, { wasOpen }: { readonly wasOpen: boolean }): World {
  if (request.kind !== 'abort') throw new Error(`aborted by ${request.kind}`);
  if (!wasOpen && request.wasProduced) return post(world, index, { kind: 'forwarded' });
  return forward(world, index, request.forward);
}

/** A conflict: everything is looked up and the batch decided again; a second one means that somebody else writes. */
function decideAgain(world: World, index: number, request: Request): World {
  if (request.kind !== 'store') throw new Error(`conflict in ${request.kind}`);
  if (request.isSecondTry) return post(world, index, { kind: 'storeUnknown' });
  const plan = decideOn(world, workerAt(world, index), request.batch, true);
  return ask(world, index, { ...request, plan, isSecondTry: true });
}

function planOf(request: Request): Plan {
  if (request.kind !== 'store') throw new Error(`stored by ${request.kind}`);
  return request.plan;
}

function momentOf({ nowMs }: World): Moment {
  return { nowMs, monotonicMs: nowMs };
}

/** Made anew from what the worker was told, so that worlds share nothing that changes. */
function orderingOf({ memory }: Worker): OrderingState {
  if (memory === null) throw new Error('a store without a reign');
  const ordering = newOrderingState({ partition: 0, ...memory }, CACHE);
  for (const plan of memory.plans) advance(ordering, plan);
  return ordering;
}

/** As store-batch.ts does after a takeover: heads that aren't known, and which of the batch's messages are stored. */
function decideOn(world: World, worker: Worker, batch: LogicBatch, forgetsHeads: boolean): Plan {
  const ordering = orderingOf(worker);
  for (const row of world.rows) {
    if (row.kind !== 'message') continue;
    ordering.seen.set(identityOf(row), contentHashOf(row.contentHash));
    if (forgetsHeads) ordering.heads.delete(row.conversationId);
    if (forgetsHeads) ordering.senders.delete(senderKeyOf(row));
  }
  for (const id of unknownConversations(ordering, batch)) {
    const count = world.rows.filter((row) => row.kind === 'message' && row.conversationId === id).length;
    ordering.heads.set(id, count as Seq);
  }
  for (const key of unknownSenders(ordering, batch).keys()) ordering.senders.set(key, senderHeadIn(world.rows, key));
  return decide(ordering, batch, momentOf(world));
}

/** The sender's last numbered row that isn't late, as load-senders.ts reads it. */
function senderHeadIn(rows: readonly Stamped[], key: SenderKey): SenderHead | null {
  const messages = rows.filter((row) => row.kind === 'message');
  const row = messages.findLast((one) => senderKeyOf(one) === key && one.senderSeq !== null && !one.late);
  if (row === undefined) return null;
  const { senderSeq, senderEpoch, sentAt, senderMarks } = row;
  const { highSentAt, formerSentAt } = senderMarks ?? { highSentAt: sentAt, formerSentAt: null };
  return { epoch: senderEpoch ?? 0, senderSeq: senderSeq ?? 0, highSentAt, formerSentAt };
}

function ask(world: World, index: number, request: Request): World {
  const worker = workerAt(world, index);
  return put(world, index, { ...worker, pending: [...worker.pending, request] });
}

function without(world: World, index: number, request: Request): World {
  const worker = workerAt(world, index);
  return put(world, index, { ...worker, pending: worker.pending.filter((other) => other !== request) });
}

function setAdrift(world: World, requests: readonly Request[]): World {
  if (requests.length === 0) return world;
  return { ...world, adrift: [...world.adrift, ...requests.filter((request) => canMatter(world, request))] };
}

export function put(world: World, index: number, worker: Worker): World {
  return { ...world, workers: world.workers.with(index, worker) };
}

export function workerAt(world: World, index: number): Worker {
  const worker = world.workers[index];
  if (worker === undefined || worker === null) throw new Error(`no worker ${index}`);
  return worker;
}
