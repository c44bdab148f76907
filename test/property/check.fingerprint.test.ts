/** Equal things have equal fingerprints, however they are printed; different ones differ. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Said } from '../../src/check/evidence.js';
import { fingerprint, mark, type Fingerprint } from '../../src/check/fingerprint.js';

const SAID: Said = {
  ...{ conversationId: 'group:g', senderId: 'u', clientMsgId: 'c', sentAt: 1, senderSeq: 1, senderEpoch: null },
  ...{ body: null, meta: null },
};

function printOf(changes: Partial<Said>): Fingerprint {
  const into = { idHigh: 0, idLow: 0, content: 0, payload: 0 };
  fingerprint({ ...SAID, ...changes }, into);
  return into;
}

const contentOf = (body: string | null): number => printOf({ body }).content;
const payloadOf = (body: string | null): number => printOf({ body }).payload;

type Json = null | boolean | string | number | Json[] | { [name: string]: Json };

/** Choices that are used again from the start when they run out. */
class Choices {
  #at = 0;
  constructor(readonly numbers: readonly number[]) {}
  below(end: number): number {
    return (this.numbers[this.#at++ % this.numbers.length] as number) % end;
  }
}

/** The value as JSON, with blanks, escapes and an order of members as somebody may have liked them. */
function printed(value: Json, choices: Choices): string {
  const blank = (): string => ['', ' ', '\n', '\t', '\r\n  '][choices.below(5)] as string;
  const list = (parts: string[]): string => `${blank()}${parts.join(`${blank()},${blank()}`)}${blank()}`;
  if (typeof value === 'string') return quoted(value, choices);
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${list(value.map((one) => printed(one, choices)))}]`;
  const members = Object.entries(value).map(
    ([name, one]) => `${quoted(name, choices)}${blank()}:${blank()}${printed(one, choices)}`,
  );
  const from = choices.below(members.length + 1);
  return `{${list([...members.slice(from), ...members.slice(0, from)].reverse())}}`;
}

function quoted(text: string, choices: Choices): string {
  const units = text.split('').map((unit) => {
    const code = unit.charCodeAt(0);
    const isBare = code >= 0x20 && unit !== '"' && unit !== '\\';
    if (isBare && choices.below(4) > 0) return unit;
    const short = { '\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't', '"': '"', '\\': '\\', '/': '/' }[unit];
    if (short !== undefined && choices.below(2) === 0) return `\\${short}`;
    const digits = code.toString(16).padStart(4, '0');
    return `\\u${choices.below(2) === 0 ? digits : digits.toUpperCase()}`;
  });
  return `"${units.join('')}"`;
}

/** As a text holds them: there, −0 is 0. */
const values = fc.jsonValue({ maxDepth: 4 }).map((value) => JSON.parse(JSON.stringify(value)) as Json);
const choices = fc.array(fc.nat(1_000), { minLength: 1, maxLength: 50 });

/** Members in the order of their names: equal for what is equal. */
function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const members = Object.entries(value).map(([name, one]) => `${JSON.stringify(name)}:${canonical(one)}`);
  return `{${members.sort().join()}}`;
}

describe('content', () => {
  test('is the same however it is printed', () => {
    fc.assert(
      fc.property(values, choices, (value, numbers) => {
        const text = printed(value, new Choices(numbers));
        expect(JSON.parse(text)).toEqual(value);
        expect(contentOf(text)).toBe(contentOf(JSON.stringify(value)));
      }),
    );
  });

  test('is another where the value is another', () => {
    fc.assert(
      fc.property(values, values, (a, b) => {
        fc.pre(canonical(a) !== canonical(b));
        expect(contentOf(JSON.stringify(a))).not.toBe(contentOf(JSON.stringify(b)));
      }),
    );
  });

  test.each([
    ['1', '"1"'],
    ['1', '1.0'],
    ['1e3', '1000'],
    ['9007199254740993', '9007199254740992'],
    ['null', '"null"'],
    ['true', 'false'],
    ['{}', '[]'],
    ['[]', '[[]]'],
    ['[1,2]', '[2,1]'],
    ['[1,[2]]', '[[1],2]'],
    ['[12]', '[1,2]'],
    ['{"a":1,"b":2}', '{"a":2,"b":1}'],
    ['{"a":{"b":1}}', '{"b":{"a":1}}'],
    ['{"a":1}', '{"a":1,"a":1}'],
    ['""', '" "'],
    ['"a b"', '"ab"'],
    ['"\\u0041"', '"\\u0042"'],
    ['"\\n"', '"n"'],
    ['""', null],
  ])('%s is not %s', (a, b) => {
    expect(contentOf(a)).not.toBe(contentOf(b));
  });

  test('is not of the clock of the sender, and is of its numbers; body and meta do not change places', () => {
    expect(printOf({ sentAt: 2 }).content).toBe(printOf({}).content);
    expect(printOf({ sentAt: 2 }).payload).not.toBe(printOf({}).payload);
    expect(printOf({ senderSeq: 2 }).content).not.toBe(printOf({}).content);
    expect(printOf({ senderEpoch: 0 }).content).not.toBe(printOf({}).content);
    expect(printOf({ body: '{"a":1}' }).content).not.toBe(printOf({ meta: '{"a":1}' }).content);
    expect(printOf({ body: '{"a":1}' }).payload).not.toBe(printOf({ meta: '{"a":1}' }).payload);
  });
});

describe('payload', () => {
  test('is of every character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), fc.nat(), (text, at) => {
        const place = at % text.length;
        const other = String.fromCharCode(text.charCodeAt(place) ^ 1);
        expect(payloadOf(text)).toBe(payloadOf(`${text}x`.slice(0, -1)));
        expect(payloadOf(text)).not.toBe(payloadOf(text.slice(0, place) + other + text.slice(place + 1)));
        expect(payloadOf(text)).not.toBe(payloadOf(text.slice(0, place) + text.slice(place + 1)));
      }),
    );
  });

  test('and content of a short text are not of the long one before it', () => {
    const short = '{"a":"b"}';
    const [content, payload, marked] = [contentOf(short), payloadOf(short), mark(short, 1)];
    for (const length of [4_096, 4_097, 100_000]) {
      const long = JSON.stringify({ text: 'x'.repeat(length) });
      expect(contentOf(long)).toBe(contentOf(` ${long} `));
      expect(contentOf(long)).not.toBe(contentOf(JSON.stringify({ text: 'x'.repeat(length - 1) })));
      expect([contentOf(short), payloadOf(short), mark(short, 1)]).toEqual([content, payload, marked]);
    }
  });
});

test('who said it: where one id ends and the next begins counts', () => {
  const ids = fc.string({ maxLength: 5 });
  fc.assert(
    fc.property(fc.tuple(ids, ids, ids), fc.tuple(ids, ids, ids), (a, b) => {
      const [one, other] = [a, b].map(([conversationId, senderId, clientMsgId]) =>
        printOf({ conversationId, senderId, clientMsgId }),
      );
      const isSame = a.every((id, at) => id === b[at]);
      expect(one?.idHigh === other?.idHigh && one?.idLow === other?.idLow).toBe(isSame);
    }),
  );
  const split = printOf({ conversationId: 'ab', senderId: 'c' });
  expect(printOf({ conversationId: 'a', senderId: 'bc' })).not.toEqual(split);
});

test('what is no JSON has a fingerprint too, the same each time, and ends', () => {
  const pieces = fc.array(fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '\\', '\\u', '1', ' ', 'x'));
  fc.assert(
    fc.property(pieces, (parts) => {
      const text = parts.join('');
      const print = printOf({ body: text });
      printOf({ body: '"another, between them \\u0041"' });
      expect(printOf({ body: text })).toEqual(print);
    }),
  );
  const deep = '['.repeat(100_000);
  expect(contentOf(deep)).toBe(contentOf(deep));
});
