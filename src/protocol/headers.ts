/** Record headers: which are the producer's, and how they are kept in a table. */
import { invariant } from '../invariant.js';
import type { RecordHeaders } from '../record.js';

/** Names that only Inorder writes; a producer's header of such a name is dropped on the way in. */
export const RESERVED_PREFIX = 'inorder-';

const NO_HEADERS: RecordHeaders = Object.freeze({});

/** The headers that are not ours, unchanged. */
export function producerHeaders(headers: RecordHeaders): RecordHeaders {
  let kept: Record<string, Buffer | readonly Buffer[]> | undefined;
  for (const name of Object.keys(headers)) {
    if (name.startsWith(RESERVED_PREFIX)) continue;
    kept ??= {};
    setHeader(kept, name, headers[name] as Buffer | readonly Buffer[]);
  }
  return kept ?? NO_HEADERS;
}

/** Sets an own property whatever the name: assigning to `__proto__` would set the prototype. */
export function setHeader(
  headers: Record<string, Buffer | readonly Buffer[]>,
  name: string,
  value: Buffer | readonly Buffer[],
): void {
  if (name === '__proto__') {
    Object.defineProperty(headers, name, { value, enumerable: true, configurable: true, writable: true });
  } else {
    headers[name] = value;
  }
}

/** Headers as bytes for a table: JSON, `[[name, base64 or [base64, …]], …]`. */
export function encodeHeaders(headers: RecordHeaders): Buffer {
  const pairs = Object.keys(headers).map((name) => {
    const value = headers[name] as Buffer | readonly Buffer[];
    return [name, Buffer.isBuffer(value) ? toBase64(value) : value.map(toBase64)];
  });
  return Buffer.from(JSON.stringify(pairs));
}

/** @throws InorderError invariant_broken for anything that `encodeHeaders` didn't write. */
export function decodeHeaders(bytes: Uint8Array): RecordHeaders {
  const headers: Record<string, Buffer | readonly Buffer[]> = {};
  for (const pair of readPairs(bytes)) {
    const [name, value] = Array.isArray(pair) ? (pair as unknown[]) : [];
    invariant(typeof name === 'string', 'stored headers without a name');
    setHeader(headers, name, Array.isArray(value) ? value.map(fromBase64) : fromBase64(value));
  }
  return headers;
}

function readPairs(bytes: Uint8Array): unknown[] {
  let pairs: unknown;
  try {
    pairs = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    pairs = null;
  }
  invariant(Array.isArray(pairs), 'stored headers that are not a list');
  return pairs;
}

function toBase64(bytes: Buffer): string {
  return bytes.toString('base64');
}

function fromBase64(text: unknown): Buffer {
  invariant(typeof text === 'string', 'a stored header that is not base64');
  return Buffer.from(text, 'base64');
}
