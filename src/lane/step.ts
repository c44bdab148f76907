/**
 * The commit protocol as one pure function: what happened in, what to do out. The real lane, the model and the
 * simulation run this same code.
 *
 * The order of the rules is the result of breaking things; each variant loses or doubles messages:
 * - PostgreSQL is fenced first, then Kafka; offsets are read only after both, never at the group's join.
 * - The epoch in PostgreSQL is read once more after the Kafka fence: whoever stalled between its fences isn't the owner.
 * - PostgreSQL commits before Kafka; what is stored and not forwarded is found above the watermark and emitted again.
 * - An unknown outcome is never assumed: everything is thrown away and the lane is taken again.
 * - The store of batch n+1 may run beside the forward of batch n, never ahead of more than MAX_WAITING plans.
 */
import { invariant, unreachable } from '../invariant.js';
import type { LaneEpoch, LogicOffset } from '../protocol/ids.js';
import type { Stamped } from '../protocol/message.js';
import type { StoredHold } from '../ordering/held.js';
import { judgeTakeover, type CommittedPosition } from './judge-takeover.js';
import { enter, type LaneEffect, type LaneEnd, type LaneEvent, type LaneState, type Turn } from './state.js';

/** Plans stored but not yet being forwarded, at most; more would only be work to emit again. */
const MAX_WAITING = 2;

/** Whether the lane can take a batch now. */
export function wantsBatch(state: LaneState): boolean {
  return state.phase === 'running' && !state.storing && state.waiting.length < MAX_WAITING;
}

export function step(state: LaneState, event: LaneEvent): Turn {
  if (state.phase === 'ended') return { state, effects: [] }; // replies to what was in flight at the end
  switch (event.kind) {
    case 'assigned':
      return { state, effects: [{ kind: 'takeLane', failedTakeovers: 0 }] };
    case 'stop':
      return stop(state);
    case 'revoked':
      return finish(state, { kind: 'released' });
    case 'logBroken':
      return finish(state, { kind: 'halted', reason: event.reason });
    case 'takeoverFailed':
      return retake(state);
    case 'taken': {
      const { laneEpoch, nextOffset, lastMsgId } = event;
      return {
        state: enter(state, 'fencing', { laneEpoch, nextOffset, lastMsgId }),
        effects: [{ kind: 'fenceFormer' }],
      };
    }
    case 'fencedFormer':
      return { state: enter(state, 'reading'), effects: [{ kind: 'readPosition' }] };
    case 'positionRead':
      return positionRead(state, event);
    case 'unforwardedRead':
      return emit(state, event.stamped, event.isLast);
    case 'heldRead':
      return run(state, event.held);
    case 'batch':
      invariant(wantsBatch(state), `a batch in phase ${state.phase}`);
      return {
        state: { ...state, storing: true },
        effects: [{ kind: 'store', batch: event.batch, laneEpoch: state.laneEpoch }],
      };
    case 'stored': {
      const { plan } = event;
      const { nextOffset, lastMsgId } = plan;
      const waiting = [...state.waiting, plan];
      return forwardNext({ ...state, storing: false, failedTakeovers: 0, nextOffset, lastMsgId, waiting });
    }
    case 'forwarded':
      return forwarded(state);
    case 'storeRefused':
      return finish(state, { kind: 'halted', reason: event.reason });
    case 'storeFenced':
      return finish(state, { kind: 'fenced', by: 'postgres' });
    case 'forwardFenced':
      return finish(state, { kind: 'fenced', by: 'kafka' });
    case 'storeUnknown':
    case 'forwardUnknown':
      return state.phase === 'draining' ? finish(state, { kind: 'released' }) : retake(state);
    default:
      return unreachable(event);
  }
}

/**
 * An owner that stalled between its two fences may find that another took the lane meanwhile, fenced Kafka before us,
 * and stored: our row is then history, and emitting by it would move the watermark back (rows delivered twice). Who
 * took PostgreSQL after us and fences Kafka after us can't have stored yet, and its fence refuses our forward; so the
 * epoch, read again after our Kafka fence, tells the two apart exactly.
 */
function positionRead(state: LaneState, found: CommittedPosition & { laneEpoch: LaneEpoch | null }): Turn {
  if (found.laneEpoch !== state.laneEpoch) return finish(state, { kind: 'fenced', by: 'postgres' });
  const verdict = judgeTakeover(state, found);
  if (verdict.kind === 'halt') return finish(state, { kind: 'halted', reason: verdict.reason });
  const { watermark, committedOffset } = verdict;
  return {
    state: enter(state, 'emitting', { watermark, committedOffset, caughtUpOffset: found.logEnd as LogicOffset }),
    effects: [{ kind: 'readUnforwarded', after: watermark }],
  };
}

/**
 * Emits again what was stored and not forwarded, a page a transaction. Only the last page commits the lane's position:
 * until then the offset stays where it was, and the watermark alone says how far the emission came.
 */
function emit(state: LaneState, stamped: readonly Stamped[], isLast: boolean): Turn {
  const { nextOffset, lastMsgId, watermark, committedOffset, laneEpoch } = state;
  if (isLast && stamped.length === 0 && committedOffset === nextOffset && watermark === lastMsgId)
    return readHeld(state);
  const lastOfPage = stamped.at(-1);
  invariant(isLast || lastOfPage !== undefined, 'an empty page that is not the last');
  const position = isLast
    ? { nextOffset, watermark: lastMsgId }
    : { nextOffset: committedOffset ?? (0 as LogicOffset), watermark: lastOfPage?.msgId ?? watermark };
  return {
    state: { ...state, forwarding: { ...position, last: isLast } },
    effects: [{ kind: 'forward', stamped, ...position, laneEpoch }],
  };
}

function forwarded(state: LaneState): Turn {
  const { forwarding } = state;
  invariant(forwarding !== null, 'forwarded, but nothing was being forwarded');
  const settled: LaneState = {
    ...state,
    forwarding: null,
    watermark: forwarding.watermark,
    committedOffset: forwarding.nextOffset,
  };
  if (settled.phase !== 'emitting') return forwardNext(settled);
  if (forwarding.last) return readHeld(settled);
  return { state: settled, effects: [{ kind: 'readUnforwarded', after: settled.watermark }] };
}

function readHeld(state: LaneState): Turn {
  return { state, effects: [{ kind: 'readHeld' }] };
}

function run(state: LaneState, held: readonly StoredHold[]): Turn {
  const { nextOffset, caughtUpOffset } = state;
  return {
    state: enter(state, 'running'),
    effects: [{ kind: 'open', nextOffset, caughtUpOffset, held }],
  };
}

/** All plans that wait go out in one transaction; a lane that drains ends when nothing is left. */
function forwardNext(state: LaneState): Turn {
  if (state.forwarding !== null) return { state, effects: [] };
  const newest = state.waiting.at(-1);
  if (newest === undefined) {
    return state.phase === 'draining' && !state.storing ? finish(state, { kind: 'released' }) : { state, effects: [] };
  }
  const stamped = state.waiting.length === 1 ? newest.stamped : state.waiting.flatMap((plan) => plan.stamped);
  const position = { nextOffset: newest.nextOffset, watermark: newest.lastMsgId };
  return {
    state: { ...state, waiting: [], forwarding: { ...position, last: false } },
    effects: [{ kind: 'forward', stamped, ...position, laneEpoch: state.laneEpoch }],
  };
}

/** Everything in doubt is thrown away and the lane is taken again, which reads what really happened. */
function retake(state: LaneState): Turn {
  const failedTakeovers = state.failedTakeovers + 1;
  return {
    state: enter(state, 'taking', { failedTakeovers, storing: false, waiting: [], forwarding: null }),
    effects: [{ kind: 'discard' }, { kind: 'takeLane', failedTakeovers }],
  };
}

/** A takeover under way ends at once: what it emitted in a transaction is whole or aborted by the next owner. */
function stop(state: LaneState): Turn {
  if (state.phase === 'draining') return { state, effects: [] };
  if (state.phase !== 'running') return finish(state, { kind: 'released' });
  return forwardNext(enter(state, 'draining'));
}

function finish(state: LaneState, end: LaneEnd): Turn {
  const effects: LaneEffect[] = [{ kind: 'discard' }];
  return { state: enter(state, 'ended', { end, storing: false, waiting: [], forwarding: null }), effects };
}
