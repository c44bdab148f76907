import type { LaneEpoch, LogicOffset, MsgId } from '../protocol/ids.js';
import type { Database } from './database.js';
import { bigInteger, boolean, integer, text } from './row.js';

/** What of a server decides whether commits are kept, and what of it we can use. */
export interface ServerTraits {
  /** 17 for 17.2. */
  readonly majorVersion: number;
  readonly version: string;
  readonly encoding: string;
  /** A standby takes no writes. */
  readonly isStandby: boolean;
  readonly settings: Readonly<Record<'fsync' | 'full_page_writes' | 'TimeZone', string>>;
}

/** @throws InorderError postgres_unavailable | postgres_failed */
export async function readServerTraits(db: Database): Promise<ServerTraits> {
  const [row = {}] = await db.query({
    text: `SELECT current_setting('server_version_num')::int / 10000 AS major, current_setting('server_version') AS version,
                  current_setting('server_encoding') AS encoding, pg_is_in_recovery() AS is_standby,
                  current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes,
                  current_setting('TimeZone') AS time_zone`,
  });
  return {
    majorVersion: integer(row, 'major'),
    version: text(row, 'version'),
    encoding: text(row, 'encoding'),
    isStandby: boolean(row, 'is_standby'),
    settings: {
      fsync: text(row, 'fsync'),
      full_page_writes: text(row, 'full_page_writes'),
      TimeZone: text(row, 'time_zone'),
    },
  };
}

export interface LaneRow {
  readonly partition: number;
  readonly nextOffset: LogicOffset;
  readonly lastMsgId: MsgId;
  readonly epoch: LaneEpoch;
  /** Host and process of who took it last. */
  readonly owner: string;
}

/** The lanes, without touching them. @throws InorderError postgres_unavailable | postgres_failed */
export async function readLanes(db: Database): Promise<LaneRow[]> {
  const rows = await db.query({
    text: 'SELECT partition, next_offset, last_msg_id, epoch, owner FROM lane ORDER BY partition',
  });
  return rows.map((row) => ({
    partition: integer(row, 'partition'),
    nextOffset: integer(row, 'next_offset') as LogicOffset,
    lastMsgId: bigInteger(row, 'last_msg_id') as MsgId,
    epoch: integer(row, 'epoch') as LaneEpoch,
    owner: text(row, 'owner'),
  }));
}
