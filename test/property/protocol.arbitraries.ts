/** JSON as a tree that remembers how numbers are written, many ways to write it down, and envelopes made of it. */
import fc from 'fast-check';

export type Tree =
  | { readonly kind: 'string'; readonly value: string }
  /** A number, true, false or null. */
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'array'; readonly items: readonly Tree[] }
  | { readonly kind: 'object'; readonly members: readonly (readonly [name: string, value: Tree])[] };

/** Awkward for anybody who parses numbers and prints them again. */
const NUMBER_TEXTS = [
  '0',
  '-0',
  '1',
  '1.0',
  '1e3',
  '1E+3',
  '9007199254740993',
  '1e400',
  '-1e-400',
  '0.1000000000000000055511151231257827021181583404541015625',
  '123456789012345678901234567890.123456789012345678901234567890',
];

/** Well-formed text without U+0000, escapes, surrogate pairs and names of Object.prototype among it. */
export const text = fc
  .oneof(
    { weight: 4, arbitrary: fc.string({ unit: 'grapheme', maxLength: 12 }) },
    { weight: 3, arbitrary: fc.string({ unit: 'binary', maxLength: 6 }) },
    fc.string({
      unit: fc.constantFrom('"', '\\', '/', '\b', '\t', '\n', '\f', '\r', '\u0001', '\u001f', '\u007f', '\u2028'),
      maxLength: 6,
    }),
    fc.constantFrom('__proto__', 'constructor', 'toString', '\ud83d\ude00', '\uffff', '\ue000', '\u{10000}', 'é', ''),
  )
  .filter((one) => !one.includes('\0'));

export const numberText = fc.oneof(
  fc.constantFrom(...NUMBER_TEXTS),
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
);

const literal = fc.oneof(numberText, fc.constantFrom('true', 'false', 'null'));

export const tree: fc.Arbitrary<Tree> = fc.letrec<{ tree: Tree; object: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    literal.map((one): Tree => ({ kind: 'literal', text: one })),
    text.map((value): Tree => ({ kind: 'string', value })),
    fc.array(tie('tree'), { maxLength: 5 }).map((items): Tree => ({ kind: 'array', items })),
    tie('object'),
  ),
  object: membersOf(tie('tree')),
})).tree;

export const objectTree: fc.Arbitrary<Tree> = membersOf(tree);

function membersOf(value: fc.Arbitrary<Tree>): fc.Arbitrary<Tree> {
  return fc
    .uniqueArray(fc.tuple(text, value), { selector: ([name]) => name, maxLength: 16 })
    .map((members): Tree => ({ kind: 'object', members }));
}

/** A way to write a tree down: numbers below `bound`, the same ones for the same seed. */
export type Style = (bound: number) => number;

export function styleOf(seed: number): Style {
  let state = seed >>> 0;
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) % bound;
  };
}

export const seed = fc.integer();

/** The tree as JSON: members, white space and escapes as the style has it; numbers as they are. */
export function write(node: Tree, style: Style): string {
  switch (node.kind) {
    case 'string':
      return writeString(node.value, style);
    case 'literal':
      return node.text;
    case 'array':
      return `[${space(style)}${node.items.map((item) => write(item, style) + space(style)).join(`,${space(style)}`)}]`;
    case 'object': {
      const members = shuffled(node.members, style).map(
        ([name, value]) =>
          `${writeString(name, style)}${space(style)}:${space(style)}${write(value, style)}${space(style)}`,
      );
      return `{${space(style)}${members.join(`,${space(style)}`)}}`;
    }
  }
}

export function space(style: Style): string {
  return ['', '', '', '', ' ', '\n', '\t', '\r\n  '][style(8)] as string;
}

function shuffled<T>(items: readonly T[], style: Style): T[] {
  const rest = [...items];
  return items.map(() => rest.splice(style(rest.length), 1)[0] as T);
}

function writeString(value: string, style: Style): string {
  let written = '';
  for (let i = 0; i < value.length; i++) {
    const unit = value.charCodeAt(i);
    const isPairStart = unit >= 0xd800 && unit <= 0xdbff;
    // A pair is escaped as a whole or not at all: half of one in UTF-8 is none.
    const character = value.slice(i, isPairStart ? i + 2 : i + 1);
    if (isPairStart) i += 1;
    written += writeCharacter(character, style);
  }
  return `"${written}"`;
}

function writeCharacter(character: string, style: Style): string {
  const choice = style(6);
  if (choice === 0)
    return character
      .split('')
      .map((unit) => escaped(unit, style))
      .join('');
  if (choice === 1 && character === '/') return '\\/';
  return JSON.stringify(character).slice(1, -1);
}

function escaped(unit: string, style: Style): string {
  const hex = unit.charCodeAt(0).toString(16).padStart(4, '0');
  return `\\u${style(2) === 0 ? hex : hex.toUpperCase()}`;
}

/** The canonical form as the docs define it, by other means than the scanner's. */
export function canonical(node: Tree): string {
  switch (node.kind) {
    case 'string':
      return JSON.stringify(node.value);
    case 'literal':
      return node.text;
    case 'array':
      return `[${node.items.map(canonical).join(',')}]`;
    case 'object': {
      const members = [...node.members].sort(([a], [b]) => byCodePoint(a, b));
      return `{${members.map(([name, value]) => `${JSON.stringify(name)}:${canonical(value)}`).join(',')}}`;
    }
  }
}

export function byCodePoint(a: string, b: string): number {
  const [left, right] = [a, b].map((one) => Array.from(one, (character) => character.codePointAt(0) as number));
  for (let i = 0; ; i++) {
    const [x, y] = [left?.[i], right?.[i]];
    if (x === undefined || y === undefined) return (x === undefined ? 0 : 1) - (y === undefined ? 0 : 1);
    if (x !== y) return x - y;
  }
}

/** What a sender says, numbers as they are written. Absent fields are absent. */
export interface Draft {
  readonly senderId: string;
  readonly receiverId?: string;
  readonly groupId?: string;
  readonly clientMsgId: string;
  readonly sentAt: string;
  readonly senderSeq?: string;
  readonly prevSenderSeq?: string;
  readonly senderEpoch?: string;
  readonly body: Tree;
  readonly meta?: Tree;
}

export const id = fc
  .oneof(
    { weight: 3, arbitrary: text },
    fc.string({ unit: fc.constantFrom('a', ':', '%', '%3A', '\u{1f600}', '\ue000'), maxLength: 6 }),
    fc.constant('\u{1f600}'.repeat(128)),
  )
  .filter((one) => one !== '');

const count = (min: number): fc.Arbitrary<number> =>
  fc.oneof(
    fc.integer({ min, max: 1000 }),
    fc.maxSafeInteger().map((one) => Math.max(min, Math.abs(one))),
  );

/** The ways to write an integer that JSON Schema takes for one. */
function integerText(value: number, style: Style): string {
  if (style(4) !== 0) return String(value);
  if (value === 0) return ['0.00', '-0', '0e7', '-0.0E-7'][style(4)] as string;
  if (style(2) === 0) return `${value}.${'0'.repeat(1 + style(20))}`;
  return value % 1000 === 0 ? `${value / 1000}e3` : `${value}0e-1`;
}

export const draft: fc.Arbitrary<Draft> = fc
  .record(
    {
      senderId: id,
      other: fc.tuple(fc.boolean(), id),
      clientMsgId: id,
      sentAt: count(0),
      numbers: fc.option(
        fc.record({ senderSeq: count(1), gap: fc.option(count(1)), senderEpoch: fc.option(count(0)) }),
      ),
      body: tree,
      meta: fc.option(objectTree),
      seed,
    },
    { requiredKeys: ['senderId', 'other', 'clientMsgId', 'sentAt', 'numbers', 'body', 'meta', 'seed'] },
  )
  .map(({ senderId, other: [isGroup, other], clientMsgId, sentAt, numbers, body, meta, seed: styleSeed }) => {
    const style = styleOf(styleSeed);
    const previous = numbers === null || numbers.gap === null ? null : Math.max(0, numbers.senderSeq - numbers.gap);
    return {
      senderId,
      ...(isGroup ? { groupId: other } : { receiverId: other }),
      clientMsgId,
      sentAt: integerText(sentAt, style),
      ...(numbers === null ? {} : { senderSeq: integerText(numbers.senderSeq, style) }),
      ...(previous === null ? {} : { prevSenderSeq: integerText(previous, style) }),
      ...(numbers === null || numbers.senderEpoch === null
        ? {}
        : { senderEpoch: integerText(numbers.senderEpoch, style) }),
      body,
      ...(meta === null ? {} : { meta }),
    };
  });

const STRINGS = ['senderId', 'receiverId', 'groupId', 'clientMsgId'] as const;
const INTEGERS = ['sentAt', 'senderSeq', 'prevSenderSeq', 'senderEpoch'] as const;

/** The envelope as a tree: what is sent once it is written in some style. */
export function envelopeTree(one: Draft): Extract<Tree, { kind: 'object' }> {
  const members: [string, Tree][] = [['body', one.body]];
  if (one.meta !== undefined) members.push(['meta', one.meta]);
  for (const field of STRINGS) {
    const value = one[field];
    if (value !== undefined) members.push([field, { kind: 'string', value }]);
  }
  for (const field of INTEGERS) {
    const value = one[field];
    if (value !== undefined) members.push([field, { kind: 'literal', text: value }]);
  }
  return { kind: 'object', members };
}

/** The bytes of an envelope, and the text of each member as it lies in them. */
export function writeEnvelope(
  one: Draft,
  style: Style,
): { readonly bytes: Buffer; readonly texts: ReadonlyMap<string, string> } {
  const texts = new Map<string, string>();
  const members = shuffled(envelopeTree(one).members, style).map(([name, value]) => {
    const written = write(value, style);
    texts.set(name, written);
    return `${writeString(name, style)}${space(style)}:${space(style)}${written}${space(style)}`;
  });
  const document = `${space(style)}{${space(style)}${members.join(`,${space(style)}`)}}${space(style)}`;
  return { bytes: Buffer.from(document), texts };
}
