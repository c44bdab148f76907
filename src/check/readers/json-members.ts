/**
 * Finds members in the text of a JSON object without parsing it, so that values stay as they were written. Believes that
 * the text is JSON: of anything else it says something or nothing, and never throws.
 */

/** The value's text at a path of names (`payload.sender.id`), or null. */
export function memberAt(text: string, path: readonly string[]): string | null {
  let value: string | null = text;
  for (const name of path) {
    if (value === null) return null;
    value = memberOf(value, name);
  }
  return value;
}

/** Calls with each member of the object: its name, and the text of its value. False where the text is no object. */
export function eachMember(text: string, visit: (name: string, value: string) => void): boolean {
  let at = skipBlanks(text, 0);
  if (text.charCodeAt(at) !== OPEN_BRACE) return false;
  at = skipBlanks(text, at + 1);
  while (text.charCodeAt(at) === QUOTE) {
    const nameEnd = endOfString(text, at);
    const valueAt = skipBlanks(text, skipBlanks(text, nameEnd) + 1);
    const valueEnd = endOfValue(text, valueAt);
    if (valueEnd <= valueAt) return false;
    visit(unquoted(text.slice(at, nameEnd)) ?? '', text.slice(valueAt, valueEnd));
    at = skipBlanks(text, valueEnd);
    if (text.charCodeAt(at) !== COMMA) break;
    at = skipBlanks(text, at + 1);
  }
  return text.charCodeAt(at) === CLOSE_BRACE;
}

/** The string that a JSON text is, or null where it is something else. */
export function stringIn(text: string | null): string | null {
  return text === null ? null : unquoted(text);
}

/** The number that a JSON text is, or null where it is something else. A string of digits counts as one. */
export function numberIn(text: string | null): number | null {
  if (text === null) return null;
  const value = Number(unquoted(text) ?? text);
  return text === 'null' || text === '' || Number.isNaN(value) ? null : value;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

function memberOf(text: string, wanted: string): string | null {
  let found: string | null = null;
  eachMember(text, (name, value) => {
    if (name === wanted) found = value;
  });
  return found;
}

function unquoted(text: string): string | null {
  if (text.charCodeAt(0) !== QUOTE || text.length < 2) return null;
  if (!text.includes('\\')) return text.slice(1, -1);
  try {
    return JSON.parse(text) as string;
  } catch {
    return null;
  }
}

function skipBlanks(text: string, from: number): number {
  let at = from;
  let unit = text.charCodeAt(at);
  while (unit === 0x20 || unit === 0x0a || unit === 0x0d || unit === 0x09) unit = text.charCodeAt(++at);
  return at;
}

/** Behind the closing quote. */
function endOfString(text: string, from: number): number {
  let at = from + 1;
  for (let unit = text.charCodeAt(at); at < text.length; unit = text.charCodeAt(++at)) {
    if (unit === QUOTE) return at + 1;
    if (unit === BACKSLASH) at += 1;
  }
  return text.length;
}

function endOfValue(text: string, from: number): number {
  const first = text.charCodeAt(from);
  if (first === QUOTE) return endOfString(text, from);
  const isNested = first === OPEN_BRACE || first === OPEN_BRACKET;
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) at = endOfString(text, at) - 1;
    else if (unit === OPEN_BRACE || unit === OPEN_BRACKET) depth += 1;
    else if (unit === CLOSE_BRACE || unit === CLOSE_BRACKET) {
      if (depth === 0) return at;
      depth -= 1;
      if (depth === 0 && isNested) return at + 1;
    } else if (depth === 0 && (unit === COMMA || unit <= 0x20)) return at;
  }
  return text.length;
}
