/** What a Node.js application imports from 'inorder'. */
import { silentLog, type Log } from './observe/log.js';
import { openDatabase } from './postgres/database.js';
import type { DeliveryHistory } from './stages/delivery/history.js';
import { postgresHistory } from './stages/delivery/postgres-history.js';

export { InorderError, type ErrorCode } from './errors.js';
export type { KafkaOptions } from './kafka/options.js';
export type { Log, LogFields } from './observe/log.js';
export type { Metrics } from './observe/metrics.js';
export type { Delivery } from './protocol/delivery.js';
export { DeliveryConsumer, type DeliveryConsumerOptions } from './stages/delivery/delivery-consumer.js';
export type { DeliveryHistory, HistoryQuery } from './stages/delivery/history.js';
export type { DeliveryHandler } from './stages/delivery/run-handler.js';

/**
 * The history that repairs a consumer's gaps, read from the pipeline's PostgreSQL. Connects at the first read; `close`
 * it when the consumer has stopped. @param databaseUrl postgres://user:password@host:port/database
 */
export function openHistory(databaseUrl: string, log: Log = silentLog): DeliveryHistory & { close(): Promise<void> } {
  const database = openDatabase(
    {
      url: databaseUrl,
      maxConnections: 2,
      statementTimeoutMs: 10_000,
      idleInTransactionTimeoutMs: 5_000,
      connectTimeoutMs: 5_000,
      applicationName: 'inorder delivery',
    },
    log,
  );
  return { ...postgresHistory(database), close: () => database.close() };
}
