/**
 * Bytes of JSON text, and strings in their one canonical form, which is that of JSON.stringify: `\"`, `\\`, `\b`, `\t`,
 * `\n`, `\f`, `\r`, `\u00xx` for the other control characters, everything else as itself in UTF-8.
 */
export const QUOTE = 0x22;
export const COMMA = 0x2c;
export const SLASH = 0x2f;
export const DIGIT_0 = 0x30;
export const DIGIT_9 = 0x39;
export const COLON = 0x3a;
export const OPEN_BRACKET = 0x5b;
export const BACKSLASH = 0x5c;
export const CLOSE_BRACKET = 0x5d;
export const LOWER_U = 0x75;
export const OPEN_BRACE = 0x7b;
export const CLOSE_BRACE = 0x7d;
export const SPACE = 0x20;

const DELETE = 0x7f;
const HEX_DIGITS = Buffer.from('0123456789abcdef', 'latin1');

/** By control character: the byte after the backslash of its short escape, 0 where it has none. */
const SHORT_ESCAPE = new Uint8Array(SPACE);
/** By the byte after the backslash: the character that a short escape stands for. */
const SHORT_ESCAPED = new Uint8Array(DELETE);
for (const [byte, character] of ['""', '\\\\', 'b\b', 't\t', 'n\n', 'f\f', 'r\r'].map((pair) => Buffer.from(pair))) {
  SHORT_ESCAPED[byte as number] = character as number;
  if ((character as number) < SPACE) SHORT_ESCAPE[character as number] = byte as number;
}

/** The four hexadecimal digits at `at`. */
export function hexAt(text: Uint8Array, at: number): number {
  let value = 0;
  for (let i = at; i < at + 4; i++) {
    const byte = text[i] as number;
    // '0'…'9' end in the digit; 'A'…'F' and 'a'…'f' end in 1…6.
    value = value * 16 + (byte <= DIGIT_9 ? byte - DIGIT_0 : (byte & 7) + 9);
  }
  return value;
}

/** Writes one code point of a string in canonical form. @returns the position after it. */
export function writeCodePoint(text: Uint8Array, at: number, codePoint: number): number {
  if (codePoint === QUOTE || codePoint === BACKSLASH) {
    text[at] = BACKSLASH;
    text[at + 1] = codePoint;
    return at + 2;
  }
  if (codePoint < SPACE) return writeControl(text, at, codePoint);
  if (codePoint < 0x80) {
    text[at] = codePoint;
    return at + 1;
  }
  let next = at;
  if (codePoint < 0x800) {
    text[next++] = 0xc0 | (codePoint >> 6);
  } else if (codePoint < 0x10000) {
    text[next++] = 0xe0 | (codePoint >> 12);
    text[next++] = 0x80 | ((codePoint >> 6) & 0x3f);
  } else {
    text[next++] = 0xf0 | (codePoint >> 18);
    text[next++] = 0x80 | ((codePoint >> 12) & 0x3f);
    text[next++] = 0x80 | ((codePoint >> 6) & 0x3f);
  }
  text[next++] = 0x80 | (codePoint & 0x3f);
  return next;
}

function writeControl(text: Uint8Array, at: number, character: number): number {
  const short = SHORT_ESCAPE[character] as number;
  text[at] = BACKSLASH;
  if (short !== 0) {
    text[at + 1] = short;
    return at + 2;
  }
  text[at + 1] = LOWER_U;
  text[at + 2] = DIGIT_0;
  text[at + 3] = DIGIT_0;
  text[at + 4] = HEX_DIGITS[character >> 4] as number;
  text[at + 5] = HEX_DIGITS[character & 0xf] as number;
  return at + 6;
}

/**
 * Compares two strings in canonical form, which end at their closing quotes, by the code points they stand for: by
 * their UTF-8 bytes once unescaped. @returns below, above or equal to 0.
 */
export function compareStrings(text: Uint8Array, aAt: number, bAt: number): number {
  let a = aAt + 1;
  let b = bAt + 1;
  for (;;) {
    let aByte = text[a] as number;
    let bByte = text[b] as number;
    if (aByte === QUOTE || bByte === QUOTE) return (aByte === QUOTE ? 0 : 1) - (bByte === QUOTE ? 0 : 1);
    if (aByte === BACKSLASH) {
      aByte = escapedAt(text, a);
      a += text[a + 1] === LOWER_U ? 5 : 1;
    }
    if (bByte === BACKSLASH) {
      bByte = escapedAt(text, b);
      b += text[b + 1] === LOWER_U ? 5 : 1;
    }
    if (aByte !== bByte) return aByte - bByte;
    a += 1;
    b += 1;
  }
}

function escapedAt(text: Uint8Array, at: number): number {
  const byte = text[at + 1] as number;
  return byte === LOWER_U ? hexAt(text, at + 2) : (SHORT_ESCAPED[byte] as number);
}

/** A call into native code costs more than a short loop. */
const LOOP_MAX_BYTES = 128;

/** Copies `from[start, end)` to `to` at `at`; the two don't overlap. @returns the position after the copy. */
export function copyBytes(from: Buffer, start: number, end: number, to: Buffer, at: number): number {
  if (end - start > LOOP_MAX_BYTES) {
    from.copy(to, at, start, end);
  } else {
    for (let i = start, next = at; i < end; i++, next++) to[next] = from[i] as number;
  }
  return at + end - start;
}
