/**
 * What a lane is, what can happen to it, and what it asks for: the words of the commit protocol (ARCHITECTURE.md has
 * the picture). `step` decides; stages/logic performs the effects and reports back as events.
 */
import { invariant } from '../invariant.js';
import type { LogicBatch } from '../ordering/decide.js';
import type { StoredHold } from '../ordering/held.js';
import type { Plan } from '../ordering/plan.js';
import type { LaneEpoch, LogicOffset, MsgId } from '../protocol/ids.js';
import type { Stamped } from '../protocol/message.js';
import type { CommittedPosition } from './judge-takeover.js';

export type LanePhase = 'taking' | 'fencing' | 'reading' | 'emitting' | 'running' | 'draining' | 'ended';

/** Every move a lane may make; what isn't here is a bug. Only `enter` changes a phase. */
const NEXT: Record<LanePhase, readonly LanePhase[]> = {
  taking: ['fencing', 'taking', 'ended'],
  fencing: ['reading', 'taking', 'ended'],
  reading: ['emitting', 'taking', 'ended'],
  emitting: ['running', 'taking', 'ended'], // what the former owner stored and didn't forward
  running: ['draining', 'taking', 'ended'], // 'taking' again: an outcome is unknown
  draining: ['ended'],
  ended: [],
};

export type LaneEnd =
  /** Stopped by us: everything begun was finished, or will be taken over and replayed. */
  | { readonly kind: 'released' }
  /** A new owner began; nothing of ours can be written any more. */
  | { readonly kind: 'fenced'; readonly by: 'postgres' | 'kafka' }
  /** Going on would risk loss or doubles; a person must look. */
  | { readonly kind: 'halted'; readonly reason: string };

export interface LaneState {
  readonly phase: LanePhase;
  /** Takeovers begun in a row without anything stored since; sets the backoff. */
  readonly failedTakeovers: number;
  readonly laneEpoch: LaneEpoch;
  /** PostgreSQL's position: everything before it is stored. */
  readonly nextOffset: LogicOffset;
  readonly lastMsgId: MsgId;
  /** Where the log ended when the lane was taken. */
  readonly caughtUpOffset: LogicOffset;
  /** The last msgId delivered for certain. */
  readonly watermark: MsgId;
  /** The group's committed offset as far as known; null before the first commit. */
  readonly committedOffset: LogicOffset | null;
  readonly storing: boolean;
  /** Stored, not yet begun to be forwarded, oldest first. */
  readonly waiting: readonly Plan[];
  /** The position the Kafka transaction in flight will commit; null when none is. */
  readonly forwarding: {
    readonly nextOffset: LogicOffset | null;
    readonly watermark: MsgId;
    readonly last: boolean;
  } | null;
  readonly end: LaneEnd | null;
}

export type LaneEvent =
  | { readonly kind: 'assigned' }
  | {
      readonly kind: 'taken';
      readonly laneEpoch: LaneEpoch;
      readonly nextOffset: LogicOffset;
      readonly lastMsgId: MsgId;
    }
  | { readonly kind: 'fencedFormer' }
  /** Read after the Kafka fence: the group's position, and whose the row in PostgreSQL is by now. */
  | ({ readonly kind: 'positionRead'; readonly laneEpoch: LaneEpoch | null } & CommittedPosition)
  | { readonly kind: 'unforwardedRead'; readonly stamped: readonly Stamped[]; readonly isLast: boolean }
  | { readonly kind: 'heldRead'; readonly held: readonly StoredHold[] }
  /** A step of the takeover failed; nothing is known of it. */
  | { readonly kind: 'takeoverFailed' }
  | { readonly kind: 'batch'; readonly batch: LogicBatch }
  | { readonly kind: 'stored'; readonly plan: Plan }
  | { readonly kind: 'storeFenced' }
  | { readonly kind: 'storeUnknown' }
  /** Refused for good: PostgreSQL would refuse the same batch again. */
  | { readonly kind: 'storeRefused'; readonly reason: string }
  | { readonly kind: 'forwarded' }
  | { readonly kind: 'forwardFenced' }
  | { readonly kind: 'forwardUnknown' }
  /** The log gave other records than the next ones. */
  | { readonly kind: 'logBroken'; readonly reason: string }
  /** Finish what was begun, begin nothing. */
  | { readonly kind: 'stop' }
  /** The partition went to another member: end now, finish nothing. */
  | { readonly kind: 'revoked' };

export type LaneEffect =
  /** PostgreSQL fence: raise the lane's epoch and read its row. Waits `backoff` steps first. */
  | { readonly kind: 'takeLane'; readonly failedTakeovers: number }
  /** Kafka fence: a new transactional producer; settles the former one's open transaction. */
  | { readonly kind: 'fenceFormer' }
  | { readonly kind: 'readPosition' }
  | { readonly kind: 'readUnforwarded'; readonly after: MsgId }
  /** What the lane holds for gaps; nobody else can change it any more. */
  | { readonly kind: 'readHeld' }
  /** Read `im.logic` from here, and let batches come. */
  | {
      readonly kind: 'open';
      readonly nextOffset: LogicOffset;
      readonly caughtUpOffset: LogicOffset;
      readonly held: readonly StoredHold[];
    }
  | { readonly kind: 'store'; readonly batch: LogicBatch; readonly laneEpoch: LaneEpoch }
  /** One Kafka transaction: the stamped to delivery (and dead letters), the group's offset with the watermark. */
  | {
      readonly kind: 'forward';
      readonly stamped: readonly Stamped[];
      readonly nextOffset: LogicOffset;
      readonly watermark: MsgId;
      readonly laneEpoch: LaneEpoch;
    }
  /** Throw the producer and everything remembered away: an outcome is unknown, or the lane is over. */
  | { readonly kind: 'discard' };

export interface Turn {
  readonly state: LaneState;
  readonly effects: readonly LaneEffect[];
}

export const NEW_LANE: LaneState = {
  phase: 'taking',
  failedTakeovers: 0,
  laneEpoch: 0 as LaneEpoch,
  nextOffset: 0 as LogicOffset,
  lastMsgId: 0n as MsgId,
  caughtUpOffset: 0 as LogicOffset,
  watermark: 0n as MsgId,
  committedOffset: null,
  storing: false,
  waiting: [],
  forwarding: null,
  end: null,
};

/** The one setter of a phase. */
export function enter(state: LaneState, phase: LanePhase, change: Partial<Omit<LaneState, 'phase'>> = {}): LaneState {
  invariant(NEXT[state.phase].includes(phase), `a lane may not go from ${state.phase} to ${phase}`);
  return { ...state, ...change, phase };
}
