/**
 * The settings of every session: nothing that a stopped, hung or vanished worker leaves behind may hold a lane's row
 * for ever. The server keeps these limits, so they hold whatever became of the client:
 *
 * - a statement that runs or waits: `statement_timeout`; one that waits for a row: `lock_timeout`, a little sooner, so
 *   that the error says what it was;
 * - a transaction left open between statements: `idle_in_transaction_session_timeout`;
 * - a client that was stopped (SIGSTOP) while it was sending. Before the server has the whole Bind message it has
 *   begun nothing and holds no row. Between Execute and Sync it has updated the row and waits for the commit, and
 *   neither of the limits above counts then (measured; a test does it): only `transaction_timeout` does;
 * - a client that was stopped while the answer comes: the commit comes before the answer, and the answer is a row;
 * - a machine that vanished: keepalives, and `transaction_timeout` again.
 */
import type { ClientBase } from 'pg';
import type { PostgresOptions } from './options.js';

/** Sooner than the statement's own limit, so that a wait for a row is told from slow work. */
const LOCK_SHARE = 0.8;
const KEEPALIVE_IDLE_S = 10;
const KEEPALIVE_INTERVAL_S = 5;
const KEEPALIVE_COUNT = 3;

const SETTINGS = `
SELECT set_config('statement_timeout', $1, false),
       set_config('lock_timeout', $2, false),
       set_config('idle_in_transaction_session_timeout', $3, false),
       CASE WHEN current_setting('server_version_num')::integer >= 170000
            THEN set_config('transaction_timeout', $4, false) END AS transaction_timeout,
       set_config('tcp_keepalives_idle', $5, false),
       set_config('tcp_keepalives_interval', $6, false),
       set_config('tcp_keepalives_count', $7, false),
       -- The fence waits for a former owner's statement and then reads the row as that left it.
       set_config('default_transaction_isolation', 'read committed', false),
       -- An acknowledged commit that a crash forgets would have been forwarded: such a lane has to halt.
       CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', false) END,
       -- The statements are short; compiling one costs more than it can save.
       set_config('jit', 'off', false),
       set_config('bytea_output', 'hex', false)`;

export interface SessionTraits {
  /** Whether the server can bound a transaction that waits for its client (PostgreSQL 17 and later). */
  readonly boundsTransactions: boolean;
}

export async function configureSession(client: ClientBase, options: PostgresOptions): Promise<SessionTraits> {
  const { statementTimeoutMs, idleInTransactionTimeoutMs } = options;
  const values = [
    statementTimeoutMs,
    Math.ceil(statementTimeoutMs * LOCK_SHARE),
    idleInTransactionTimeoutMs,
    statementTimeoutMs + idleInTransactionTimeoutMs,
    KEEPALIVE_IDLE_S,
    KEEPALIVE_INTERVAL_S,
    KEEPALIVE_COUNT,
  ].map(String);
  const { rows } = await client.query<{ transaction_timeout: string | null }>(SETTINGS, values);
  return { boundsTransactions: typeof rows[0]?.transaction_timeout === 'string' };
}
