/** Reading columns. Rows come as the server's text; asserted here, after reading: a halt beats a wrong value. */
import { invariant } from '../invariant.js';

/** Column name to the server's text. */
export type Row = Readonly<Record<string, string | null>>;

export function textOrNull(row: Row, column: string): string | null {
  const value = row[column];
  invariant(value !== undefined, `no column ${column} was selected`);
  return value;
}

export function text(row: Row, column: string): string {
  const value = textOrNull(row, column);
  invariant(value !== null, `column ${column} is null`);
  return value;
}

/** A bigint or integer column whose values are safe integers: counts, offsets, milliseconds. */
export function integer(row: Row, column: string): number {
  const value = Number(text(row, column));
  invariant(Number.isSafeInteger(value), `column ${column} holds ${row[column]}, which is no safe integer`);
  return value;
}

export function integerOrNull(row: Row, column: string): number | null {
  return textOrNull(row, column) === null ? null : integer(row, column);
}

export function bigInteger(row: Row, column: string): bigint {
  return BigInt(text(row, column));
}

export function boolean(row: Row, column: string): boolean {
  const value = text(row, column);
  invariant(value === 't' || value === 'f', `column ${column} holds ${value}, which is no boolean`);
  return value === 't';
}

/** A bytea column, as the server prints it with `bytea_output = hex`. */
export function bytes(row: Row, column: string): Buffer {
  const value = text(row, column);
  invariant(value.startsWith('\\x'), `column ${column} is not printed as hex`);
  return Buffer.from(value.slice(2), 'hex');
}

export function bytesOrNull(row: Row, column: string): Buffer | null {
  return textOrNull(row, column) === null ? null : bytes(row, column);
}
