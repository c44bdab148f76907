/**
 * What a failure of PostgreSQL means: one table from SQLSTATE and socket codes to our error and to what a person can
 * do about it. Classifying never throws.
 */
import pg from 'pg';
import { InorderError, messageOf, type ErrorCode } from '../errors.js';

interface Meaning {
  readonly code: Extract<ErrorCode, 'postgres_unavailable' | 'postgres_failed'>;
  readonly advice: string;
}

const again = (advice: string): Meaning => ({ code: 'postgres_unavailable', advice });
const failed = (advice: string): Meaning => ({ code: 'postgres_failed', advice });

/** By SQLSTATE, else by its class (the first two characters). */
const BY_SQLSTATE: Readonly<Record<string, Meaning>> = {
  '08': again('the connection was lost; it is opened anew'),
  '25006': again('the server accepts no writes: is it a standby, or in recovery?'),
  '25P03': again('the session was ended: it left a transaction open'),
  '25P04': again('the session was ended: its transaction took too long'),
  '28': failed('check the user and the password in DATABASE_URL, and pg_hba.conf'),
  '3D000': failed('create the database, or name another one in DATABASE_URL'),
  '3F000': failed('create the schema, or change the search_path in DATABASE_URL'),
  '40': again('two transactions met; trying again resolves it'),
  '42501': failed('grant the user of DATABASE_URL access to the tables'),
  '42P01': failed('the tables are missing: run `inorder migrate`'),
  '53100': again("the server's disk is full: free some space"),
  '53300': again('the server has no connection left: raise max_connections, or use fewer workers'),
  '53': again('the server is out of resources'),
  '55P03': again('another session holds the row; it is tried again'),
  '57014': again('the statement took too long or was cancelled'),
  '57': again('the server is stopping or starting'),
  '58': again("the server's system failed: read its log"),
};

/** By the code of Node's error, where the server never answered. */
const BY_NODE_CODE: Readonly<Record<string, Meaning>> = {
  ECONNREFUSED: again('is it running, and listening there? Start it, or name another one in DATABASE_URL'),
  ENOTFOUND: again('no such host: check the host in DATABASE_URL'),
  EAI_AGAIN: again('the host name could not be looked up'),
  ENOENT: again('no such socket: is the server running?'),
  CERT_HAS_EXPIRED: failed("the server's certificate has expired"),
  DEPTH_ZERO_SELF_SIGNED_CERT: failed('name its certificate with sslrootcert in DATABASE_URL'),
  SELF_SIGNED_CERT_IN_CHAIN: failed('name its certificate authority with sslrootcert in DATABASE_URL'),
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: failed('name its certificate authority with sslrootcert in DATABASE_URL'),
  ERR_TLS_CERT_ALTNAME_INVALID: failed('the certificate is for another host name than DATABASE_URL gives'),
};

/** The driver's own words: it gives no code where the talk before the first statement fails. */
const BY_MESSAGE: readonly (readonly [RegExp, Meaning])[] = [
  [/^SASL|password must be a string/i, failed('check the user and the password in DATABASE_URL')],
  [/does not support SSL/, failed('the server speaks no TLS: drop sslmode from DATABASE_URL, or switch TLS on')],
  [/after calling end on the pool/, failed('the connections were closed: this is a bug of the caller')],
];

const UNIQUE_VIOLATION = '23505';
const NOT_NULL_VIOLATION = '23502';

const LOST = again('the connection was lost or not to be had in time');

/** The five characters of a server's error; undefined where no server said anything. */
export function sqlStateOf(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined;
}

/**
 * @param address host, port and database, never a password.
 * @returns retryable (`postgres_unavailable`) where waiting may help; a bug of ours (TypeError and the like) as it is.
 */
export function faultOf(error: unknown, address: string): Error {
  if (error instanceof InorderError || isBug(error)) return error;
  const { code, advice } = meaningOf(error);
  const sqlState = sqlStateOf(error);
  const what = messageOf(error) + (sqlState === undefined ? '' : ` (SQLSTATE ${sqlState})`);
  return new InorderError(code, `PostgreSQL at ${address}: ${what}; ${advice}`, { cause: error });
}

function isBug(error: unknown): error is Error {
  return error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
}

function meaningOf(error: unknown): Meaning {
  const sqlState = sqlStateOf(error);
  if (sqlState !== undefined) {
    return BY_SQLSTATE[sqlState] ?? BY_SQLSTATE[sqlState.slice(0, 2)] ?? failed('read the log of the server');
  }
  const nodeCode = nodeCodeOf(error);
  const known = nodeCode === undefined ? undefined : BY_NODE_CODE[nodeCode];
  if (known !== undefined) return known;
  const message = messageOf(error);
  // What has no code and isn't listed came from a socket: the driver says "Connection terminated" in many ways.
  return BY_MESSAGE.find(([pattern]) => pattern.test(message))?.[1] ?? LOST;
}

/** Told by shape: an error may come from another realm, and a host with several addresses gives one for all of them. */
function nodeCodeOf(error: unknown): string | undefined {
  const { code, errors } = (error ?? {}) as { readonly code?: unknown; readonly errors?: readonly unknown[] };
  if (typeof code === 'string') return code;
  return Array.isArray(errors) && errors.length > 0 ? nodeCodeOf(errors[0]) : undefined;
}

/** Columns that a statement sets to null where a cache of the lane is wrong (store-plan.ts). */
const GUARDS = ['conversation.last_seq', 'held_message.content_hash'];

/** The unique constraint, or the guard, that a statement ran into; else null. */
export function brokenConstraint(error: unknown): string | null {
  if (!(error instanceof pg.DatabaseError)) return null;
  if (error.code === UNIQUE_VIOLATION) return error.constraint ?? 'unique';
  if (error.code !== NOT_NULL_VIOLATION) return null;
  const column = `${error.table ?? ''}.${error.column ?? ''}`;
  return GUARDS.includes(column) ? column : null;
}

/**
 * Answers to a single autocommit statement that say it was rolled back. Known by their classes, since the severity
 * comes in the server's language: the statement itself was wrong or met another. What may also end a session (57P01
 * "terminated by an administrator", 25P03/25P04 timeouts, XX internal, 08 connection) can be raised when the commit
 * is done already, so it isn't here; nor is 40003, "statement completion unknown".
 */
const ROLLED_BACK = /^(0A|22|23|25(?!P)|40(?!003)|42|53|54|55|57014)/;

/** Whether the server said that the single statement changed nothing. False where that isn't known. */
export function isRolledBack(error: unknown): boolean {
  return ROLLED_BACK.test(sqlStateOf(error) ?? '');
}
