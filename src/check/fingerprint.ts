/**
 * Fingerprints of what was said, so that texts need not be kept: 64 bits for who said it, 32 for the content in its
 * canonical form (names of members in any order, white space and escapes as they like, numbers as written), 32 for every
 * byte of it. Equal things are always equal here; two that differ pass for equal once in 2^32 or 2^64.
 */
import type { Said } from './evidence.js';

export interface Fingerprint {
  idHigh: number;
  idLow: number;
  /** Of the content as JSON: what makes a retry the same message; the sender's clock is not part of it. */
  content: number;
  /** Of the sender's numbers, clock, `body` and `meta`, character by character. */
  payload: number;
}

const PRIME = 0x0100_0193;
const OTHER_PRIME = 0x85eb_ca6b;
const SEED = 0x811c_9dc5 | 0;

/** Writes into `into`, which is used again for every message: one object a message would be most of the garbage. */
export function fingerprint(said: Said, into: Fingerprint): void {
  identify(said, into);
  const numbers = mixNumber(mixNumber(SEED, said.senderSeq), said.senderEpoch);
  const { body, meta } = said;
  into.payload = finish(mixText(mixText(mixNumber(numbers, said.sentAt), body), meta));
  into.content = finish(Math.imul(mixValue(numbers, body), PRIME) ^ mixValue(SEED, meta));
}

function identify({ conversationId, senderId, clientMsgId }: Said, into: Fingerprint): void {
  let a = SEED;
  let b = 0x1234_5678;
  for (let i = 0; i < conversationId.length; i++) {
    const unit = conversationId.charCodeAt(i);
    a = Math.imul(a ^ unit, PRIME);
    b = Math.imul((b ^ unit) + (b >>> 13), OTHER_PRIME);
  }
  a = Math.imul(a ^ 0x1_0000, PRIME);
  for (let i = 0; i < senderId.length; i++) {
    const unit = senderId.charCodeAt(i);
    a = Math.imul(a ^ unit, PRIME);
    b = Math.imul((b ^ unit) + (b >>> 13), OTHER_PRIME);
  }
  a = Math.imul(a ^ 0x1_0000, PRIME);
  for (let i = 0; i < clientMsgId.length; i++) {
    const unit = clientMsgId.charCodeAt(i);
    a = Math.imul(a ^ unit, PRIME);
    b = Math.imul((b ^ unit) + (b >>> 13), OTHER_PRIME);
  }
  into.idHigh = finish(a);
  into.idLow = finish(b);
}

/** Of one text and a number beside it, for comparing what two readers saw. */
export function mark(text: string, number: number): number {
  return finish(mixNumber(mixText(SEED, text), number));
}

function mixNumber(hash: number, value: number | null): number {
  if (value === null) return Math.imul(hash ^ 0x2_0001, PRIME);
  const high = Math.floor(value / 0x1_0000_0000);
  return Math.imul(Math.imul(hash ^ (value | 0), PRIME) ^ high, OTHER_PRIME);
}

function mixText(hash: number, text: string | null): number {
  let mixed = Math.imul(hash ^ 0x2_0002, PRIME);
  if (text === null) return mixed;
  for (let i = 0; i < text.length; i++) mixed = Math.imul(mixed ^ text.charCodeAt(i), PRIME);
  return Math.imul(mixed ^ 0x1_0000, PRIME);
}

/** The last bits depend on all. */
function finish(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, OTHER_PRIME);
  mixed ^= mixed >>> 13;
  return (Math.imul(mixed, 0xc2b2_ae35) ^ (mixed >>> 16)) >>> 0;
}

/** A JSON value in its canonical form; written for this checker, apart from the code that it judges. */
function mixValue(hash: number, json: string | null): number {
  if (json === null) return Math.imul(hash ^ 0x2_0003, PRIME);
  scanText = json;
  scanAt = 0;
  return Math.imul(hash ^ valueHash(0), PRIME);
}

/** Deeper than any envelope may nest; a broken text must not overflow the stack. */
const MOST_DEPTH = 80;
let scanText = '';
let scanAt = 0;

function valueHash(depth: number): number {
  skipBlanks();
  const unit = scanText.charCodeAt(scanAt);
  if (unit === 0x22) return stringHash();
  if (depth > MOST_DEPTH || (unit !== 0x7b && unit !== 0x5b)) return plainHash();
  scanAt += 1;
  return unit === 0x7b ? objectHash(depth) : arrayHash(depth);
}

/** Members in any order: their hashes are added. */
function objectHash(depth: number): number {
  let sum = 0x7b;
  for (skipBlanks(); scanAt < scanText.length && scanText.charCodeAt(scanAt) !== 0x7d; skipSeparator(0x7d)) {
    const before = scanAt;
    const name = valueHash(depth + 1);
    skipSeparator(0x3a);
    sum = (sum + finish(Math.imul(name, PRIME) ^ valueHash(depth + 1))) | 0;
    if (scanAt === before) break;
  }
  scanAt += 1;
  return finish(sum);
}

function arrayHash(depth: number): number {
  let hash = 0x5b;
  for (skipBlanks(); scanAt < scanText.length && scanText.charCodeAt(scanAt) !== 0x5d; skipSeparator(0x5d)) {
    const before = scanAt;
    hash = Math.imul(hash ^ valueHash(depth + 1), PRIME);
    if (scanAt === before) break;
  }
  scanAt += 1;
  return finish(hash);
}

/** A comma or a colon and the blanks round it; stops at the end of what it is in. */
function skipSeparator(end: number): void {
  skipBlanks();
  const unit = scanText.charCodeAt(scanAt);
  if (unit !== end && (unit === 0x2c || unit === 0x3a)) scanAt += 1;
  else if (unit === 0x3a && end === 0x3a) scanAt += 1;
  skipBlanks();
}

function skipBlanks(): void {
  let unit = scanText.charCodeAt(scanAt);
  while (unit === 0x20 || unit === 0x0a || unit === 0x0d || unit === 0x09) unit = scanText.charCodeAt(++scanAt);
}

/** A number or a word, as it is written. */
function plainHash(): number {
  let hash = 0x2d;
  while (scanAt < scanText.length) {
    const unit = scanText.charCodeAt(scanAt);
    if (unit === 0x2c || unit === 0x7d || unit === 0x5d || unit === 0x3a || unit <= 0x20) break;
    hash = Math.imul(hash ^ unit, PRIME);
    scanAt += 1;
  }
  return finish(hash);
}

function stringHash(): number {
  let hash = 0x22;
  scanAt += 1;
  while (scanAt < scanText.length) {
    let unit = scanText.charCodeAt(scanAt++);
    if (unit === 0x22) break;
    if (unit === 0x5c) unit = escapedUnit();
    hash = Math.imul(hash ^ unit, PRIME);
  }
  return finish(hash);
}

const ESCAPES: Readonly<Record<string, number>> = { b: 0x08, f: 0x0c, n: 0x0a, r: 0x0d, t: 0x09 };

function escapedUnit(): number {
  const letter = scanText.charAt(scanAt++);
  if (letter !== 'u') return ESCAPES[letter] ?? letter.charCodeAt(0);
  const unit = parseInt(scanText.slice(scanAt, scanAt + 4), 16);
  scanAt += 4;
  return unit;
}
