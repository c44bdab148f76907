import { describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { InorderError } from '../../src/errors.js';
import { faultOf, isRolledBack } from '../../src/postgres/faults.js';

const ADDRESS = 'db.example:5432/chat';

function serverError(sqlState: string): pg.DatabaseError {
  return Object.assign(new pg.DatabaseError('what the server said', 20, 'error'), { code: sqlState });
}

function nodeError(code: string): Error {
  return Object.assign(new Error(`connect ${code}`), { code });
}

function codeOf(error: unknown): string {
  const fault = faultOf(error, ADDRESS);
  expect(fault).toBeInstanceOf(InorderError);
  return 'code' in fault ? String(fault.code) : '';
}

describe('what waiting may heal is unavailable, the rest has failed', () => {
  test.each([
    '08006',
    '25006',
    '25P03',
    '25P04',
    '40001',
    '40P01',
    '53100',
    '53200',
    '53300',
    '55P03',
    '57014',
    '57P01',
    '57P03',
    '58030',
  ])('SQLSTATE %s: unavailable', (sqlState) => expect(codeOf(serverError(sqlState))).toBe('postgres_unavailable'));

  test.each(['22021', '23514', '28P01', '3D000', '42501', '42P01', '42601', 'XX000'])(
    'SQLSTATE %s: failed',
    (sqlState) => expect(codeOf(serverError(sqlState))).toBe('postgres_failed'),
  );

  test.each(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENOTFOUND', 'EAI_AGAIN'])(
    '%s: unavailable',
    (code) => expect(codeOf(nodeError(code))).toBe('postgres_unavailable'),
  );

  test.each(['CERT_HAS_EXPIRED', 'DEPTH_ZERO_SELF_SIGNED_CERT'])('%s: failed', (code) =>
    expect(codeOf(nodeError(code))).toBe('postgres_failed'),
  );

  test.each([
    ['Connection terminated unexpectedly', 'postgres_unavailable'],
    ['Query read timeout', 'postgres_unavailable'],
    ['timeout exceeded when trying to connect', 'postgres_unavailable'],
    ['SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string', 'postgres_failed'],
    ['The server does not support SSL connections', 'postgres_failed'],
  ])('the driver says %j: %s', (message, code) => expect(codeOf(new Error(message))).toBe(code));

  test('a host with several addresses fails with the reason of the first', () => {
    const error = new AggregateError([nodeError('ECONNREFUSED'), nodeError('ECONNREFUSED')]);
    expect(faultOf(error, ADDRESS).message).toMatch(/ECONNREFUSED.*is it running/);
  });
});

test('the message names the place, what was said and what to do, and keeps the cause', () => {
  const cause = serverError('53300');
  const fault = faultOf(cause, ADDRESS);
  expect(fault.message).toBe(
    'PostgreSQL at db.example:5432/chat: what the server said (SQLSTATE 53300); the server has no connection left: ' +
      'raise max_connections, or use fewer workers',
  );
  expect(fault.cause).toBe(cause);
});

test('a bug stays a bug, and a fault is not wrapped twice', () => {
  const bug = new TypeError('undefined is not a function');
  expect(faultOf(bug, ADDRESS)).toBe(bug);
  const fault = faultOf(serverError('42P01'), ADDRESS);
  expect(faultOf(fault, ADDRESS)).toBe(fault);
});

test('classifying never throws, whatever was thrown', () => {
  for (const thrown of [null, undefined, 0, '', 'text', {}, [], Symbol('s'), new AggregateError([])]) {
    expect(codeOf(thrown)).toBe('postgres_unavailable');
  }
});

describe('rolled back for certain', () => {
  test.each(['22021', '23505', '23502', '25006', '40001', '40P01', '42P01', '53100', '54000', '55P03', '57014'])(
    '%s is',
    (sqlState) => expect(isRolledBack(serverError(sqlState))).toBe(true),
  );

  test.each(['08006', '25P03', '25P04', '40003', '57P01', '57P02', 'XX000', '58030'])('%s is not', (sqlState) =>
    expect(isRolledBack(serverError(sqlState))).toBe(false),
  );

  test('a lost connection is not', () => {
    expect(isRolledBack(nodeError('ECONNRESET'))).toBe(false);
    expect(isRolledBack(new Error('Connection terminated unexpectedly'))).toBe(false);
    expect(isRolledBack(Object.assign(new Error('no answer of a server'), { code: '23505' }))).toBe(false);
  });
});
