/**
 * The commit protocol's world as one immutable value: the lane's row and rows, Kafka's transactions, the workers, what
 * is on its way between them, and how much may still go wrong. Moves (moves.ts) make new worlds of it.
 */
import type { CommittedPosition } from '../../src/lane/judge-takeover.js';
import type { LaneEffect, LaneState } from '../../src/lane/state.js';
import type { LogicBatch } from '../../src/ordering/decide.js';
import type { HeldMessage, StoredHold } from '../../src/ordering/held.js';
import type { Plan } from '../../src/ordering/plan.js';
import type { LaneEpoch, LogicOffset, MsgId } from '../../src/protocol/ids.js';
import type { Stamped } from '../../src/protocol/message.js';
import type { Draft } from '../property/lane/records.js';

/** A broken variant of the protocol; each must be found. */
export type Breakage =
  | 'none'
  | 'offset-read-before-fencing'
  | 'producer-reused-after-unknown'
  | 'no-postgres-fence'
  | 'kafka-first'
  | 'unknown-store-assumed-done'
  | 'unknown-forward-assumed-done'
  | 'no-kafka-fence'
  | 'epoch-not-read-again'
  | 'holds-forgotten';

export type Forward = Extract<LaneEffect, { kind: 'forward' }>;

/** What a worker asks of a server. Epochs are those the worker believed in when it asked. */
export type Request =
  | { readonly kind: 'take'; readonly foundEpoch: number }
  | { readonly kind: 'fence' }
  | { readonly kind: 'position' }
  | { readonly kind: 'epoch'; readonly position: CommittedPosition }
  | { readonly kind: 'unforwarded'; readonly after: MsgId }
  | { readonly kind: 'held' }
  | {
      readonly kind: 'store';
      readonly batch: LogicBatch;
      readonly plan: Plan;
      readonly laneEpoch: LaneEpoch;
      readonly isSecondTry: boolean;
    }
  | { readonly kind: 'produce'; readonly producer: Producer; readonly forward: Forward }
  | { readonly kind: 'end'; readonly producer: Producer; readonly forward: Forward }
  /** Only asked by the variant that uses a producer again. */
  | { readonly kind: 'abort'; readonly producer: Producer; readonly forward: Forward; readonly wasProduced: boolean };

export type Reply =
  | { readonly kind: 'taken'; readonly row: LaneRow }
  | { readonly kind: 'initialised'; readonly producerEpoch: number }
  | { readonly kind: 'position'; readonly position: CommittedPosition }
  | { readonly kind: 'epoch'; readonly laneEpoch: LaneEpoch | null; readonly position: CommittedPosition }
  | { readonly kind: 'unforwarded'; readonly stamped: readonly Stamped[]; readonly isLast: boolean }
  | { readonly kind: 'held'; readonly held: readonly StoredHold[] }
  | { readonly kind: 'stored' }
  | { readonly kind: 'conflict' }
  | { readonly kind: 'fenced' }
  | { readonly kind: 'produced' }
  | { readonly kind: 'committed' }
  | { readonly kind: 'aborted'; readonly wasOpen: boolean };

/** A kafkajs producer: it advances its sequence number when it hears that a batch was written, not before. */
export interface Producer {
  readonly epoch: number;
  readonly sequence: number;
}

export interface Worker {
  readonly name: string;
  readonly lane: LaneState;
  /** What the ordering state is made of: where this reign opened, and what it stored since. Null while not running. */
  readonly memory: {
    readonly lastMsgId: MsgId;
    readonly nextOffset: LogicOffset;
    readonly caughtUpOffset: LogicOffset;
    readonly held: readonly HeldMessage[];
    readonly plans: readonly Plan[];
  } | null;
  readonly producer: Producer | null;
  readonly fetchOffset: number;
  /** Asked, not yet done. What a server does the worker hears at once: that it hears late is that its next request is late. */
  readonly pending: readonly Request[];
  /** Only used by the variant that reads the position too early. */
  readonly earlyPosition: CommittedPosition | null;
  /** Only used by the variant that writes to Kafka first. */
  readonly storeNext: Extract<Request, { kind: 'store' }> | null;
}

export interface LaneRow {
  readonly epoch: number;
  readonly nextOffset: LogicOffset;
  readonly lastMsgId: MsgId;
}

export interface Transaction {
  readonly producerEpoch: number;
  readonly state: 'open' | 'committed' | 'aborted';
  readonly stamped: readonly Stamped[];
}

type Committed = NonNullable<CommittedPosition['committed']>;

export interface Kafka {
  readonly producerEpoch: number;
  /** Partition p of the delivery topic, as transactions in offset order. Aborted ones stay where they are. */
  readonly log: readonly Transaction[];
  /** The last batch of the current producer: one that comes again under its numbers is dropped as a repetition. */
  readonly lastBatch: { readonly sequence: number; readonly count: number } | null;
  readonly committed: Committed | null;
  /** What `fetchOffsets` may still answer right after a commit, until the producer is fenced. */
  readonly formerlyCommitted: Committed | null | 'none';
}

export interface Rules {
  readonly drafts: readonly Draft[];
  readonly breakage: Breakage;
  /** Whether workers may be told to drain. */
  readonly stops: boolean;
  /** Whether the broker tells repeated batches by their sequence numbers, as the real one does. */
  readonly brokerDropsRepetitions: boolean;
}

export interface World {
  readonly rules: Rules;
  readonly row: LaneRow;
  readonly rows: readonly Stamped[];
  /** What waits for gaps in its sender's numbers, in offset order. */
  readonly held: readonly StoredHold[];
  /** Everybody's clock. Stands still but for windows, which may end at any time. */
  readonly nowMs: number;
  readonly kafka: Kafka;
  readonly workers: readonly (Worker | null)[];
  /** Asked by workers that died or gave up waiting: a server may still do it, at any time or never. */
  readonly adrift: readonly Request[];
  readonly faultsLeft: number;
}

export function newWorld(rules: Rules, limits: { readonly workers: number; readonly faults: number }): World {
  return {
    rules,
    row: { epoch: 0, nextOffset: 0 as LogicOffset, lastMsgId: 0n as MsgId },
    rows: [],
    held: [],
    nowMs: Date.UTC(2026, 0, 1),
    kafka: { producerEpoch: 0, log: [], lastBatch: null, committed: null, formerlyCommitted: 'none' },
    workers: Array.from({ length: limits.workers }, () => null),
    adrift: [],
    faultsLeft: limits.faults,
  };
}
