/**
 * The time-ordered label of a message: 63 bits, positive.
 *
 *   41 bits milliseconds since 2025-01-01T00:00Z | 10 bits partition | 12 bits counter
 *
 * `ms = max(now, last ms)`: neither a clock step nor a takeover (the floor is stored with the lane) runs it
 * backwards; a full counter borrows the next millisecond. Pure: time comes in, ids go out.
 */
import { invariant } from '../invariant.js';
import type { MsgId } from '../protocol/ids.js';

export const MSG_ID_ORIGIN_MS = Date.UTC(2025, 0, 1);
export const MAX_PARTITIONS = 1 << 10;
const MAX_COUNTER = (1 << 12) - 1;
const MAX_MS = 2 ** 41 - 1;

/** The floor of a lane that has stamped nothing yet; below every id. */
export const NO_MSG_ID = 0n as MsgId;

export interface MsgIdParts {
  /** Milliseconds since 1970 UTC. */
  readonly ms: number;
  readonly partition: number;
  readonly counter: number;
}

export function msgIdParts(msgId: MsgId): MsgIdParts {
  return {
    ms: Number(msgId >> 22n) + MSG_ID_ORIGIN_MS,
    partition: Number((msgId >> 12n) & 0x3ffn),
    counter: Number(msgId & 0xfffn),
  };
}

/** Gives out ids above `floor`, in growing order. One per batch; the floor after it is the last id it gave. */
export class MsgIdSequence {
  #ms: number;
  #counter: number;
  readonly #partitionBits: bigint;

  /** @param floor the last id this partition stamped, or NO_MSG_ID. */
  constructor(partition: number, floor: MsgId) {
    invariant(Number.isInteger(partition) && partition >= 0 && partition < MAX_PARTITIONS, `partition ${partition}`);
    const parts = msgIdParts(floor);
    invariant(floor === NO_MSG_ID || parts.partition === partition, `floor ${floor} is not of partition ${partition}`);
    this.#ms = parts.ms - MSG_ID_ORIGIN_MS;
    this.#counter = parts.counter;
    this.#partitionBits = BigInt(partition) << 12n;
  }

  /** @param nowMs the wall clock, ms since 1970 UTC; may lie before the floor. */
  next(nowMs: number): MsgId {
    const ms = nowMs - MSG_ID_ORIGIN_MS;
    if (ms > this.#ms) {
      this.#ms = ms;
      this.#counter = 0;
    } else if (this.#counter < MAX_COUNTER) {
      this.#counter += 1;
    } else {
      this.#ms += 1;
      this.#counter = 0;
    }
    invariant(this.#ms <= MAX_MS, `the clock (${nowMs}) is past the last msgId`);
    return ((BigInt(this.#ms) << 22n) | this.#partitionBits | BigInt(this.#counter)) as MsgId;
  }
}
