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
  look(said.body);
  const payload = mixText(mixNumber(numbers, said.sentAt));
  const content = Math.imul(mixValue(numbers), PRIME);
  look(said.meta);
  into.payload = finish(mixText(payload));
  into.content = finish(content ^ mixValue(SEED));
}

/**
 * The text that is looked at, as numbers: a string that is asked for one unit after the other takes several times as long.
 * Grows to the longest text there was.
 */
let units = new Uint16Array(4_096);
let bytes = Buffer.from(units.buffer);
let end = 0;
let isAbsent = true;

function look(text: string | null): void {
  isAbsent = text === null;
  end = text === null ? 0 : text.length;
  if (text === null) return;
  if (end > units.length) {
    units = new Uint16Array(2 * end);
    bytes = Buffer.from(units.buffer);
  }
  bytes.write(text, 'utf16le');
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
  look(text);
  return finish(mixNumber(mixText(SEED), number));
}

function mixNumber(hash: number, value: number | null): number {
  if (value === null) return Math.imul(hash ^ 0x2_0001, PRIME);
  const high = Math.floor(value / 0x1_0000_0000);
  return Math.imul(Math.imul(hash ^ (value | 0), PRIME) ^ high, OTHER_PRIME);
}

/** The text that is looked at, unit by unit: every other one in a chain of its own, which do not wait for each other. */
function mixText(hash: number): number {
  let mixed = Math.imul(hash ^ 0x2_0002, PRIME);
  if (isAbsent) return mixed;
  let other = mixed ^ OTHER_PRIME;
  const even = end & ~1;
  for (let at = 0; at < even; at += 2) {
    mixed = Math.imul(mixed ^ (units[at] as number), PRIME);
    other = Math.imul(other ^ (units[at + 1] as number), PRIME);
  }
  if (even < end) mixed = Math.imul(mixed ^ (units[even] as number), PRIME);
  return Math.imul(Math.imul(mixed ^ 0x1_0000, PRIME) ^ finish(other), OTHER_PRIME);
}

/** The last bits depend on all. */
function finish(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, OTHER_PRIME);
  mixed ^= mixed >>> 13;
  return (Math.imul(mixed, 0xc2b2_ae35) ^ (mixed >>> 16)) >>> 0;
}

/** The JSON value that is looked at, in its canonical form; written for this checker, apart from the code that it judges. */
function mixValue(hash: number): number {
  if (isAbsent) return Math.imul(hash ^ 0x2_0003, PRIME);
  scanAt = 0;
  return Math.imul(hash ^ valueHash(0), PRIME);
}

/** Deeper than any envelope may nest; a broken text must not overflow the stack. */
const MOST_DEPTH = 80;
let scanAt = 0;

/** The unit at a place; 0 at the end, which no JSON has. */
function unitAt(at: number): number {
  return at < end ? (units[at] as number) : 0;
}

function valueHash(depth: number): number {
  skipBlanks();
  const unit = unitAt(scanAt);
  if (unit === 0x22) return stringHash();
  if (depth > MOST_DEPTH || (unit !== 0x7b && unit !== 0x5b)) return plainHash();
  scanAt += 1;
  return unit === 0x7b ? objectHash(depth) : arrayHash(depth);
}

/** Members in any order: their hashes are added. */
function objectHash(depth: number): number {
  let sum = 0x7b;
  for (skipBlanks(); scanAt < end && unitAt(scanAt) !== 0x7d; skipSeparator(0x7d)) {
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
  for (skipBlanks(); scanAt < end && unitAt(scanAt) !== 0x5d; skipSeparator(0x5d)) {
    const before = scanAt;
    hash = Math.imul(hash ^ valueHash(depth + 1), PRIME);
    if (scanAt === before) break;
  }
  scanAt += 1;
  return finish(hash);
}

/** A comma or a colon and the blanks round it; stops at the end of what it is in. */
function skipSeparator(close: number): void {
  skipBlanks();
  const unit = unitAt(scanAt);
  if (unit !== close && (unit === 0x2c || unit === 0x3a)) scanAt += 1;
  else if (unit === 0x3a && close === 0x3a) scanAt += 1;
  skipBlanks();
}

function skipBlanks(): void {
  let unit = unitAt(scanAt);
  while (unit === 0x20 || unit === 0x0a || unit === 0x0d || unit === 0x09) unit = unitAt(++scanAt);
}

/** A number or a word, as it is written. */
function plainHash(): number {
  let hash = 0x2d;
  let at = scanAt;
  for (; at < end; at++) {
    const unit = units[at] as number;
    if (unit === 0x2c || unit === 0x7d || unit === 0x5d || unit === 0x3a || unit <= 0x20) break;
    hash = Math.imul(hash ^ unit, PRIME);
  }
  scanAt = at;
  return finish(hash);
}

function stringHash(): number {
  let hash = 0x22;
  let at = scanAt + 1;
  while (at < end) {
    let unit = units[at++] as number;
    if (unit === 0x22) break;
    if (unit === 0x5c) {
      unit = escapedUnit(at);
      at += units[at] === 0x75 ? 5 : 1;
    }
    hash = Math.imul(hash ^ unit, PRIME);
  }
  scanAt = at;
  return finish(hash);
}

const ESCAPES: Readonly<Record<string, number>> = { b: 0x08, f: 0x0c, n: 0x0a, r: 0x0d, t: 0x09 };

/** What stands behind a backslash. */
function escapedUnit(at: number): number {
  const letter = unitAt(at);
  if (letter !== 0x75) return ESCAPES[String.fromCharCode(letter)] ?? letter;
  const digits = units.subarray(at + 1, Math.min(at + 5, end));
  return parseInt(String.fromCharCode(...digits), 16);
}
