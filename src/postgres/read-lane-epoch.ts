import type { LaneEpoch } from '../protocol/ids.js';
import type { Database } from './database.js';
import { integer } from './row.js';

/** The lane's epoch now; null where nobody ever took it. @throws InorderError postgres_unavailable | postgres_failed */
export async function readLaneEpoch(db: Database, partition: number): Promise<LaneEpoch | null> {
  const [row] = await db.query({ text: 'SELECT epoch FROM lane WHERE partition = $1', values: [partition] });
  return row === undefined ? null : (integer(row, 'epoch') as LaneEpoch);
}
