export interface PostgresOptions {
  /** `postgres://user:password@host:port/database`, with any parameter that node-postgres knows. */
  readonly url: string;
  readonly maxConnections: number;
  /** The server cancels a statement that takes longer. */
  readonly statementTimeoutMs: number;
  /** The server ends a session that leaves a transaction open and idle for longer. */
  readonly idleInTransactionTimeoutMs: number;
  /** Covers waiting for a free connection of the pool, too. */
  readonly connectTimeoutMs: number;
  /** Shown in `pg_stat_activity`. */
  readonly applicationName: string;
}
