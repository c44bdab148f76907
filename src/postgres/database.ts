/**
 * The connections to one PostgreSQL database. Owns the pool; knows no table. A connection on which anything failed,
 * but for a broken constraint, is closed and never used again. Nothing is retried here: whether doing a statement again
 * is safe only its author knows (retry.ts is for those that are).
 */
import pg from 'pg';
import { InorderError, messageOf } from '../errors.js';
import type { Log } from '../observe/log.js';
import { faultOf, sqlStateOf } from './faults.js';
import type { PostgresOptions } from './options.js';
import type { Row } from './row.js';
import { configureSession } from './session.js';

/** A Buffer is sent in binary format, everything else as text; the server infers the types. */
export type Parameter = string | number | bigint | Buffer | null;

export interface Statement {
  /** A named statement is parsed once per connection. One name, one text, for ever. */
  readonly name?: string;
  readonly text: string;
  readonly values?: readonly Parameter[];
}

export type Execution =
  | { readonly kind: 'done'; readonly rows: readonly Row[] }
  /** No connection was to be had: the server saw nothing of it. */
  | { readonly kind: 'notSent'; readonly error: unknown }
  /** What became of it depends on the error; see `isRolledBack`. */
  | { readonly kind: 'failed'; readonly error: unknown };

export interface Transaction {
  query(statement: Statement): Promise<readonly Row[]>;
  /** Several statements in one text, without values. */
  script(text: string): Promise<void>;
}

/** The server ends a statement first; this is for a server that doesn't answer any more. */
const ANSWER_GRACE_MS = 5_000;
const KEEPALIVE_AFTER_MS = 10_000;
/** The longest timer Node has (24 days): a migration takes what it takes. */
const NO_TIMEOUT_MS = 2 ** 31 - 1;

/** Rows come as the server's text; whoever reads a column says what it is (row.ts). No global parser is touched. */
const AS_TEXT = { getTypeParser: () => (text: string) => text } as unknown as pg.CustomTypesConfig;

/** Opens no connection: the first statement does. */
export function openDatabase(options: PostgresOptions, log: Log): Database {
  return new Database(options, log);
}

export class Database {
  /** `host:port/database`, for messages. */
  readonly address: string;
  readonly #pool: pg.Pool;
  readonly #log: Log;
  #saidUnbounded = false;
  #closed: Promise<void> | null = null;

  constructor(options: PostgresOptions, log: Log) {
    const config = {
      connectionString: options.url,
      application_name: options.applicationName,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEPALIVE_AFTER_MS,
      query_timeout: options.statementTimeoutMs + ANSWER_GRACE_MS,
    };
    this.address = addressOf(config);
    this.#log = log.child({ database: this.address });
    this.#pool = new pg.Pool({
      ...config,
      max: options.maxConnections,
      connectionTimeoutMillis: options.connectTimeoutMs,
      idleTimeoutMillis: 0, // a new connection costs milliseconds that a quiet lane would pay with its next message
      verify: (client, done) => {
        this.#configure(client, options).then(() => done(), done);
      },
    });
    // Without listeners an error of a connection nobody uses would end the process. The pool has dropped it by then.
    this.#pool.on('error', (error) => {
      // At a close the pool lets go before the sockets do: a server that stops right after it says so on them.
      const say = this.#closed === null ? 'warn' : 'debug';
      this.#log[say]('idle connection lost', { error: messageOf(error) });
    });
    this.#pool.on('connect', (client) => {
      client.on('error', (error) => this.#log.debug('connection lost', { error: messageOf(error) }));
    });
  }

  /** @throws InorderError postgres_unavailable (retryable) | postgres_failed; a lost connection leaves it open whether the statement took effect. */
  async query(statement: Statement): Promise<readonly Row[]> {
    const execution = await this.execute(statement);
    if (execution.kind === 'done') return execution.rows;
    throw this.faultOf(execution.error);
  }

  /** One statement, one round trip, its own transaction. For callers that must know what became of it. Never rejects. */
  async execute(statement: Statement): Promise<Execution> {
    let client: pg.PoolClient;
    try {
      client = await this.#pool.connect();
    } catch (error) {
      return { kind: 'notSent', error };
    }
    try {
      const { rows } = await client.query<Row>(queryOf(statement));
      client.release();
      return { kind: 'done', rows };
    } catch (error) {
      client.release(!isBrokenConstraint(error));
      return { kind: 'failed', error };
    }
  }

  /**
   * All of `work` or nothing; without time limits for statements, for migrations. When the commit itself fails, its
   * outcome is unknown.
   * @throws InorderError as `query`, or what `work` throws.
   */
  async transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const client = await this.#connect();
    const run = async (query: pg.QueryConfig): Promise<readonly Row[]> => {
      try {
        return (await client.query<Row>({ ...query, query_timeout: NO_TIMEOUT_MS } as pg.QueryConfig)).rows;
      } catch (error) {
        throw this.faultOf(error);
      }
    };
    let done = false;
    try {
      await run({ text: 'BEGIN' });
      await run({ text: `SELECT set_config('statement_timeout', '0', true)` });
      await run({ text: `SELECT set_config(name, '0', true) FROM pg_settings WHERE name = 'transaction_timeout'` });
      const result = await work({
        query: (statement) => run(queryOf(statement)),
        script: async (text) => {
          await run({ text });
        },
      });
      await run({ text: 'COMMIT' });
      done = true;
      return result;
    } finally {
      client.release(!done); // closing the connection rolls back
    }
  }

  /** What a failure of this database means; see faults.ts. */
  faultOf(error: unknown): Error {
    return faultOf(error, this.address);
  }

  /** Waits for the statements in flight. Idempotent. */
  async close(): Promise<void> {
    this.#closed ??= this.#pool.end();
    await this.#closed;
  }

  async #connect(): Promise<pg.PoolClient> {
    try {
      return await this.#pool.connect();
    } catch (error) {
      throw this.faultOf(error);
    }
  }

  async #configure(client: pg.PoolClient, options: PostgresOptions): Promise<void> {
    const { boundsTransactions } = await configureSession(client, options);
    if (boundsTransactions || this.#saidUnbounded) return;
    this.#saidUnbounded = true;
    this.#log.warn(
      'PostgreSQL is older than 17: a worker that is stopped while it sends can hold its lane until it goes on',
    );
  }
}

function queryOf({ name, text, values }: Statement): pg.QueryConfig {
  return {
    text,
    types: AS_TEXT,
    ...(name === undefined ? {} : { name }),
    ...(values === undefined ? {} : { values: values as Parameter[] }),
  };
}

/** Everything else may have left the connection in a state that nobody looked at. */
function isBrokenConstraint(error: unknown): boolean {
  return sqlStateOf(error)?.startsWith('23') ?? false;
}

function addressOf(config: pg.ClientConfig): string {
  try {
    const { host, port, database } = new pg.Client(config); // reads the URL; connects nowhere
    return `${host}:${port}/${database ?? ''}`;
  } catch (error) {
    throw new InorderError('config_invalid', `DATABASE_URL can't be read: ${messageOf(error)}`, { cause: error });
  }
}
