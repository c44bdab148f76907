/**
 * Walks the values of a JSON text that JSON.parse has accepted and writes their canonical form: no white space; the
 * members of every object sorted by name, by code point; strings as in json-text.ts; numbers as the source has
 * them, so that `1` and `1.0` differ. That is JSON again: what differs in meaning differs in canonical form. It is never
 * longer than the source.
 *
 * On the way it refuses what JSON.parse lets pass: nesting beyond MAX_NESTING (which also bounds the recursion),
 * names that occur twice in an object, lone surrogates, U+0000. Methods return false at the first such fault.
 */
import { InorderError } from '../errors.js';
import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  compareStrings,
  copyBytes,
  hexAt,
  LOWER_U,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  SLASH,
  SPACE,
  writeCodePoint,
} from './json-text.js';
import type { DeadLetterReason } from './reasons.js';

/** Arrays and objects open at once, the document itself included. */
export const MAX_NESTING = 64;

/** Up to so many members are sorted by insertion. */
const INSERTION_MAX_MEMBERS = 12;

export interface TextFault {
  readonly reason: Extract<
    DeadLetterReason,
    'nesting_too_deep' | 'duplicate_name' | 'ill_formed_text' | 'nul_character'
  >;
  /** Where in the source, in bytes from 0. */
  readonly atByte: number;
}

/** Only if JSON.parse and the writer disagreed on what is JSON: then a throw is better than a loop without end. */
function endsTooEarly(): never {
  throw new InorderError('invariant_broken', 'invariant broken: JSON that JSON.parse accepted ends too early');
}

export class CanonicalWriter {
  source: Buffer = Buffer.alloc(0);
  /** The cursor in the source. */
  at = 0;
  /** What was written: `text[0, length)`. */
  text: Buffer = Buffer.alloc(0);
  length = 0;
  /** As long as `text`; between calls anybody's. */
  scratch: Buffer = Buffer.alloc(0);
  fault: TextFault | null = null;
  /** Of the objects now open, innermost last: where each member starts and ends in `text`. */
  readonly #members: number[] = [];
  #membersLength = 0;

  /** Starts with another source. The buffers are kept, so what was written before is lost. */
  begin(source: Buffer): void {
    this.source = source;
    this.at = 0;
    this.length = 0;
    this.fault = null;
    this.#membersLength = 0;
    if (this.text.length >= source.length) return;
    this.text = Buffer.allocUnsafe(source.length);
    this.scratch = Buffer.allocUnsafe(source.length);
  }

  /** @param depth how many arrays and objects are open once the value is, if it is one. */
  value(depth: number): boolean {
    switch (this.source[this.at]) {
      case QUOTE:
        return this.string();
      case OPEN_BRACE:
        return this.#object(depth);
      case OPEN_BRACKET:
        return this.#array(depth);
      default:
        return this.#literal();
    }
  }

  string(): boolean {
    const source = this.source;
    const text = this.text;
    let at = this.at + 1;
    let length = this.length;
    text[length++] = QUOTE;
    for (;;) {
      const byte = source[at];
      if (byte === undefined) return endsTooEarly();
      if (byte === BACKSLASH) {
        this.at = at;
        this.length = length;
        if (!this.#escape()) return false;
        at = this.at;
        length = this.length;
        continue;
      }
      text[length++] = byte;
      at += 1;
      if (byte === QUOTE) break;
    }
    this.at = at;
    this.length = length;
    return true;
  }

  /** From the end of a name to the value. */
  colon(): void {
    const { source } = this;
    let at = this.at;
    while (source[at] !== COLON) {
      if (at >= source.length) return endsTooEarly();
      at += 1;
    }
    do at += 1;
    while ((source[at] as number) <= SPACE);
    this.at = at;
    this.text[this.length++] = COLON;
  }

  /** Goes to the next member or element; writing the comma is left to the caller. @returns false at the end. */
  next(close: number): boolean {
    const { source } = this;
    let at = this.at;
    let byte = source[at] as number;
    while (byte <= SPACE || byte === COMMA) byte = source[++at] as number;
    if (at >= source.length) return endsTooEarly();
    this.at = at;
    return byte !== close;
  }

  fail(reason: TextFault['reason'], atByte: number): false {
    this.fault = { reason, atByte };
    return false;
  }

  #object(depth: number): boolean {
    const openAt = this.at;
    if (depth > MAX_NESTING) return this.fail('nesting_too_deep', openAt);
    const members = this.#members;
    const first = this.#membersLength;
    let inOrder = true;
    this.#put(OPEN_BRACE);
    while (this.next(CLOSE_BRACE)) {
      const nameAt = this.at;
      const member = this.#membersLength;
      if (member > first) this.text[this.length++] = COMMA;
      const start = this.length;
      members[member] = start;
      this.#membersLength += 2;
      if (!this.string()) return false;
      if (member > first && inOrder) {
        const order = compareStrings(this.text, members[member - 2] as number, start);
        if (order === 0) return this.fail('duplicate_name', nameAt);
        inOrder = order < 0;
      }
      this.colon();
      if (!this.value(depth + 1)) return false;
      members[member + 1] = this.length;
    }
    if (!inOrder && !this.#sortMembers(first)) return this.fail('duplicate_name', openAt);
    this.#membersLength = first;
    this.#put(CLOSE_BRACE);
    return true;
  }

  /** Sorts the members of the innermost object, their text with them. @returns false when a name is there twice. */
  #sortMembers(first: number): boolean {
    const { text, scratch } = this;
    const members = this.#members;
    const textStart = members[first] as number;
    this.#sortPlaces(first);
    let length = 0;
    for (let member = first; member < this.#membersLength; member += 2) {
      const start = members[member] as number;
      if (member > first) {
        if (compareStrings(text, members[member - 2] as number, start) === 0) return false;
        scratch[length++] = COMMA;
      }
      length = copyBytes(text, start, members[member + 1] as number, scratch, length);
    }
    copyBytes(scratch, 0, length, text, textStart);
    return true;
  }

  /** Sorts the places of the innermost object's members by name: few by insertion, which allocates nothing. */
  #sortPlaces(first: number): void {
    const { text } = this;
    const members = this.#members;
    const last = this.#membersLength;
    if (last - first > 2 * INSERTION_MAX_MEMBERS) {
      const places = [];
      for (let i = first; i < last; i += 2) places.push({ start: members[i] as number, end: members[i + 1] as number });
      places.sort((a, b) => compareStrings(text, a.start, b.start));
      for (let i = first; i < last; i += 2) {
        const { start, end } = places[(i - first) / 2] as (typeof places)[number];
        members[i] = start;
        members[i + 1] = end;
      }
      return;
    }
    for (let i = first + 2; i < last; i += 2) {
      const start = members[i] as number;
      const end = members[i + 1] as number;
      let hole = i;
      while (hole > first && compareStrings(text, members[hole - 2] as number, start) > 0) {
        members[hole] = members[hole - 2] as number;
        members[hole + 1] = members[hole - 1] as number;
        hole -= 2;
      }
      members[hole] = start;
      members[hole + 1] = end;
    }
  }

  #array(depth: number): boolean {
    if (depth > MAX_NESTING) return this.fail('nesting_too_deep', this.at);
    this.#put(OPEN_BRACKET);
    const empty = this.length;
    while (this.next(CLOSE_BRACKET)) {
      if (this.length > empty) this.text[this.length++] = COMMA;
      if (!this.value(depth + 1)) return false;
    }
    this.#put(CLOSE_BRACKET);
    return true;
  }

  /** A number, true, false or null, as it is written. */
  #literal(): boolean {
    const { source, text } = this;
    let at = this.at;
    let length = this.length;
    while (at < source.length) {
      const byte = source[at] as number;
      if (byte <= SPACE || byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET) break;
      text[length++] = byte;
      at += 1;
    }
    this.at = at;
    this.length = length;
    return true;
  }

  #escape(): boolean {
    const at = this.at;
    const letter = this.source[at + 1] as number;
    if (letter !== LOWER_U) {
      // Every short escape but \/ is canonical.
      if (letter !== SLASH) this.text[this.length++] = BACKSLASH;
      this.text[this.length++] = letter;
      this.at += 2;
      return true;
    }
    let codePoint = hexAt(this.source, at + 2);
    this.at += 6;
    if (codePoint === 0) return this.fail('nul_character', at);
    if (codePoint >= 0xd800 && codePoint <= 0xdfff) {
      const low = this.#lowSurrogate();
      if (codePoint >= 0xdc00 || low === 0) return this.fail('ill_formed_text', at);
      codePoint = 0x10000 + ((codePoint - 0xd800) << 10) + (low - 0xdc00);
      this.at += 6;
    }
    this.length = writeCodePoint(this.text, this.length, codePoint);
    return true;
  }

  /** The low surrogate escaped at the cursor, or 0. */
  #lowSurrogate(): number {
    if (this.source[this.at] !== BACKSLASH || this.source[this.at + 1] !== LOWER_U) return 0;
    const unit = hexAt(this.source, this.at + 2);
    return unit >= 0xdc00 && unit <= 0xdfff ? unit : 0;
  }

  /** A byte that is the same in both texts. */
  #put(byte: number): void {
    this.text[this.length++] = byte;
    this.at += 1;
  }
}
