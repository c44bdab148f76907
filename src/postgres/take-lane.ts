import { InorderError } from '../errors.js';
import type { LaneEpoch, LogicOffset, MsgId } from '../protocol/ids.js';
import type { Database } from './database.js';
import { readLaneEpoch } from './read-lane-epoch.js';
import { bigInteger, integer } from './row.js';

export interface TakenLane {
  readonly laneEpoch: LaneEpoch;
  /** The first offset of the logic topic that isn't stored. */
  readonly nextOffset: LogicOffset;
  readonly lastMsgId: MsgId;
}

/** Others who take the lane between our look and our update; each of them makes us look again. */
const MAX_TRIES = 10;
const NOW_MS = `(extract(epoch FROM clock_timestamp()) * 1000)::bigint`;

/**
 * Begins a new reign: from its return on, no former owner can store. Waits behind a statement of theirs in flight, as
 * long as the lock timeout allows.
 *
 * The epoch is raised from the value just read, not from whatever it is: a take whose connection was lost may still
 * arrive when a later one has succeeded, and would fence the very owner that sent it.
 *
 * May be done again whatever became of it: a reign that nobody knows of costs nothing.
 * @throws InorderError postgres_unavailable (retryable), also where the row stays locked.
 */
export async function takeLane(db: Database, lane: { partition: number; owner: string }): Promise<TakenLane> {
  const { partition, owner } = lane;
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const found = (await readLaneEpoch(db, partition)) ?? (await createLane(db, partition, owner));
    const [row] = await db.query({
      text: `UPDATE lane SET epoch = epoch + 1, owner = $3, taken_at = ${NOW_MS}
              WHERE partition = $1 AND epoch = $2
          RETURNING epoch, next_offset, last_msg_id`,
      values: [partition, found, owner],
    });
    if (row !== undefined) {
      return {
        laneEpoch: integer(row, 'epoch') as LaneEpoch,
        nextOffset: integer(row, 'next_offset') as LogicOffset,
        lastMsgId: bigInteger(row, 'last_msg_id') as MsgId,
      };
    }
  }
  throw new InorderError(
    'postgres_unavailable',
    `lane ${partition} was taken by others ${MAX_TRIES} times while this process tried to take it; it is tried again`,
  );
}

/** Somebody else may create it first: then theirs stands. Either way its first epoch is 0, which nobody reigns in. */
async function createLane(db: Database, partition: number, owner: string): Promise<LaneEpoch> {
  await db.query({
    text: `INSERT INTO lane (partition, epoch, next_offset, last_msg_id, taken_at, owner)
           VALUES ($1, 0, 0, 0, ${NOW_MS}, $2) ON CONFLICT (partition) DO NOTHING`,
    values: [partition, owner],
  });
  return 0 as LaneEpoch;
}
