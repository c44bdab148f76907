import type { Database } from '../../postgres/database.js';
import { readHistory } from '../../postgres/read-history.js';
import type { DeliveryHistory } from './history.js';

/** The messages that the lanes stored. */
export function postgresHistory(database: Database): DeliveryHistory {
  return { read: (query) => readHistory(database, query) };
}
