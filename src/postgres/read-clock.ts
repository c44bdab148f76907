import { invariant } from '../invariant.js';
import type { Database } from './database.js';
import { text } from './row.js';

/** PostgreSQL's clock, ms since 1970 UTC with fractions. @throws InorderError postgres_unavailable | postgres_failed */
export async function readClock(db: Database): Promise<number> {
  const [row] = await db.query({
    name: 'read_clock',
    text: 'SELECT extract(epoch FROM clock_timestamp()) * 1000 AS now_ms',
  });
  invariant(row !== undefined, 'a SELECT without FROM answers one row');
  return Number(text(row, 'now_ms'));
}
