import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Envelope } from '../../src/protocol/message.js';
import { parseEnvelope } from '../../src/protocol/parse-envelope.js';
import { DEAD_LETTER_REASONS } from '../../src/protocol/reasons.js';
import { envelopeSchema } from '../../src/protocol/schemas.js';
import {
  canonical,
  draft,
  envelopeTree,
  numberText,
  seed,
  styleOf,
  text,
  tree,
  write,
  writeEnvelope,
  type Draft,
  type Tree,
} from './protocol.arbitraries.js';

const LIMITS = { maxValueBytes: 256 * 1024 };

function accepted(bytes: Buffer): Envelope {
  const parsed = parseEnvelope(bytes, LIMITS);
  if (!parsed.ok) throw new Error(`${parsed.reason}: ${parsed.detail}`);
  return parsed.envelope;
}

describe('any bytes', () => {
  const check = (bytes: Uint8Array): void => {
    const parsed = parseEnvelope(Buffer.from(bytes), LIMITS);
    if (parsed.ok) return;
    expect(Object.keys(DEAD_LETTER_REASONS)).toContain(parsed.reason);
    expect(parsed.detail).not.toBe('');
    expect(parsed.detail.length).toBeLessThan(400);
  };

  test('give an envelope or a reason with a sentence, never a throw', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), check));
    fc.assert(fc.property(fc.json(), (json) => check(Buffer.from(json))));
  });

  test('do so for envelopes damaged at some byte, too', () => {
    const damaged = fc.tuple(draft, seed, fc.nat(), fc.nat(255), fc.constantFrom('set', 'drop', 'cut', 'double'));
    fc.assert(
      fc.property(damaged, ([one, styleSeed, position, byte, how]) => {
        const { bytes } = writeEnvelope(one, styleOf(styleSeed));
        const at = position % bytes.length;
        if (how === 'set') bytes[at] = byte;
        const tail = { set: at, drop: at + 1, cut: bytes.length, double: Math.max(0, at - 9) }[how];
        check(Buffer.concat([bytes.subarray(0, at), bytes.subarray(tail)]));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('a legal envelope, however it is written', () => {
  test('is accepted, its fields as they were said', () => {
    fc.assert(
      fc.property(draft, seed, (one, styleSeed) => {
        const envelope = accepted(writeEnvelope(one, styleOf(styleSeed)).bytes);
        const numberOf = (said?: string): number | null => (said === undefined ? null : Number(said) + 0);
        expect(envelope).toMatchObject({
          senderId: one.senderId,
          receiverId: one.receiverId ?? null,
          groupId: one.groupId ?? null,
          clientMsgId: one.clientMsgId,
          sentAt: Number(one.sentAt) + 0,
          senderSeq: numberOf(one.senderSeq),
          prevSenderSeq: numberOf(one.prevSenderSeq),
          senderEpoch: numberOf(one.senderEpoch),
        });
      }),
    );
  });

  test('keeps the bytes of body and meta', () => {
    fc.assert(
      fc.property(draft, seed, (one, styleSeed) => {
        const { bytes, texts } = writeEnvelope(one, styleOf(styleSeed));
        const { body, meta } = accepted(bytes);
        expect(body.toString()).toBe(texts.get('body'));
        expect(meta?.toString()).toBe(texts.get('meta'));
      }),
    );
  });
});

describe('the content hash', () => {
  const hashOf = (one: Draft): string => {
    const members = envelopeTree(one).members.filter(([name]) => name !== 'sentAt');
    return createHash('sha256')
      .update(canonical({ kind: 'object', members }))
      .digest('hex');
  };

  test('is that of the canonical content, however it is written and whenever it was sent', () => {
    fc.assert(
      fc.property(draft, seed, fc.nat(), (one, styleSeed, sentAt) => {
        const again = { ...one, sentAt: String(sentAt) };
        const { contentHash } = accepted(writeEnvelope(again, styleOf(styleSeed)).bytes);
        expect(contentHash.toString('hex')).toBe(hashOf(one));
      }),
      { numRuns: 500 },
    );
  });

  test('differs where the content does', () => {
    const alike = fc.tuple(tree, tree, numberText, numberText, text, text).chain(([a, b, m, n, s, t]) => {
      const number = (one: string): Tree => ({ kind: 'literal', text: one });
      const string = (value: string): Tree => ({ kind: 'string', value });
      return fc.constantFrom<[Tree, Tree]>(
        [a, b],
        [number(m), number(n)],
        [number(m), string(m)],
        [string(s), string(t)],
      );
    });
    fc.assert(
      fc.property(draft, alike, seed, (one, [first, second], styleSeed) => {
        fc.pre(canonical(first) !== canonical(second));
        const [a, b] = [first, second].map((body) => writeEnvelope({ ...one, body }, styleOf(styleSeed)).bytes);
        expect(accepted(a as Buffer).contentHash).not.toEqual(accepted(b as Buffer).contentHash);
      }),
    );
  });
});

describe('each way to break an envelope', () => {
  type Members = readonly (readonly [string, string])[];
  const textsOf = (one: Draft): Members =>
    envelopeTree(one).members.map(([name, value]) => [name, write(value, styleOf(0))] as const);
  const join = (members: Members): string =>
    `{${members.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`;
  const without = (members: Members, field: string): Members => members.filter(([name]) => name !== field);
  const withField = (members: Members, field: string, value: string): Members => [
    ...without(members, field),
    [field, value],
  ];

  const REQUIRED = ['senderId', 'clientMsgId', 'sentAt', 'body'] as const;
  const field = (...names: string[]): fc.Arbitrary<string> => fc.constantFrom(...names);
  const notAString = fc.constantFrom('1', 'true', 'null', '[]', '{}');
  const notAnInteger = fc.constantFrom('"1"', 'true', 'null', '[]', '{}', '1.5', '1e-400', '9007199254740990.9');
  const notAnObject = fc.constantFrom('"1"', 'true', 'null', '[]', '1');
  const badLength = fc.constantFrom('', 'x'.repeat(129), '\u{1f600}'.repeat(129)).map((one) => JSON.stringify(one));
  const tooLarge = fc.constantFrom('9007199254740992', '9007199254740993', '1e16', '1e400');
  const unknownName = fc
    .oneof(text, field('sender_seq', 'sentat', '__proto__', 'constructor', 'toString', 'hasOwnProperty'))
    .filter((name) => !Object.hasOwn(envelopeSchema.properties, name));
  const nest = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

  const cases: Record<string, fc.Arbitrary<(members: Members) => string>> = {
    missing_field: field(...REQUIRED).map((name) => (m) => join(without(m, name))),
    unknown_field: fc.tuple(unknownName, tree).map(
      ([name, value]) =>
        (m) =>
          join([...m, [name, write(value, styleOf(1))]]),
    ),
    wrong_type: fc.oneof(
      fc.tuple(field('senderId', 'clientMsgId'), notAString).map(
        ([n, v]) =>
          (m: Members) =>
            join(withField(m, n, v)),
      ),
      fc.tuple(field('sentAt', 'senderSeq'), notAnInteger).map(
        ([n, v]) =>
          (m: Members) =>
            join(withField(m, n, v)),
      ),
      notAnObject.map((v) => (m: Members) => join(withField(m, 'meta', v))),
    ),
    out_of_range: fc.oneof(
      fc.tuple(field('senderId', 'clientMsgId'), badLength).map(
        ([n, v]) =>
          (m: Members) =>
            join(withField(m, n, v)),
      ),
      fc.tuple(field('sentAt', 'senderSeq'), tooLarge).map(
        ([n, v]) =>
          (m: Members) =>
            join(withField(m, n, v)),
      ),
      field('0', '-1', '-0').map((v) => (m: Members) => join(withField(m, 'senderSeq', v))),
      field('-1', '-1e3', '-1e400').map((v) => (m: Members) => join(withField(m, 'sentAt', v))),
    ),
    receiver_or_group: fc.oneof(
      fc.constant((m: Members) => join(without(without(m, 'receiverId'), 'groupId'))),
      fc.constant((m: Members) => join(withField(withField(m, 'receiverId', '"a"'), 'groupId', '"b"'))),
    ),
    sender_numbers: fc.oneof(
      field('prevSenderSeq', 'senderEpoch').map(
        (n) => (m: Members) => join(withField(without(m, 'senderSeq'), n, '1')),
      ),
      fc
        .nat()
        .map((n) => (m: Members) => join(withField(withField(m, 'senderSeq', '7'), 'prevSenderSeq', String(n + 7)))),
    ),
    duplicate_name: fc.oneof(
      field(...REQUIRED).map((name) => (m: Members) => join([...m, ...m.filter(([n]) => n === name)])),
      fc.tuple(text, fc.array(text)).map(([name, others]) => (m: Members) => {
        const names = [name, ...others.filter((one) => one !== name), name];
        const escapedName = `"${name
          .split('')
          .map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
          .join('')}"`;
        const written = names.map((one, i) => `${i === 0 ? escapedName : JSON.stringify(one)}:${i}`);
        return join(withField(m, 'body', `[{"in":{${written.join(',')}}}]`));
      }),
    ),
    nesting_too_deep: fc.integer({ min: 64, max: 3000 }).map((depth) => (m) => join(withField(m, 'body', nest(depth)))),
    nul_character: fc.oneof(
      text.map((one) => (m: Members) => join(withField(m, 'body', `{"a":${JSON.stringify(`${one}\0`)}}`))),
      text.map((one) => (m: Members) => join(withField(m, 'meta', `{${JSON.stringify(`${one}\0`)}:1}`))),
      fc.constant((m: Members) => join(withField(m, 'senderId', '"a\\u0000"'))),
    ),
    ill_formed_text: fc
      .tuple(
        field('\\ud800', '\\uDFFF', '\\ude00\\ud83d', '\\ud800x', '\\ud800\\n', '\\ud800\\u0041'),
        field('body', 'meta'),
      )
      .map(
        ([half, name]) =>
          (m) =>
            join(withField(m, name, `{"a${half}":1}`)),
      ),
    not_json: fc.oneof(
      text.map((rest) => (m: Members) => `${join(m)}x${rest}`),
      fc.nat(40).map((length) => (m: Members) => join(m).slice(0, -1 - length)),
    ),
    not_an_object: fc.constantFrom('null', '1', '"x"', 'true', '[{}]').map((value) => () => value),
    byte_order_mark: fc.constant((m) => `\ufeff${join(m)}`),
    empty_value: fc.constant(() => ''),
    too_large: fc.constant((m) => join(m) + ' '.repeat(LIMITS.maxValueBytes)),
  };

  test.each(Object.entries(cases))('%s', (reason, breaking) => {
    fc.assert(
      fc.property(draft, breaking, (one, breakIt) => {
        const parsed = parseEnvelope(Buffer.from(breakIt(textsOf(one))), LIMITS);
        expect(parsed.ok ? 'accepted' : parsed.reason).toBe(reason);
      }),
    );
  });

  test('not_utf8', () => {
    fc.assert(
      fc.property(draft, fc.nat(), fc.constantFrom(0x80, 0xc0, 0xff, 0xf5), (one, position, byte) => {
        const bytes = Buffer.from(join(textsOf(one)));
        // In the place of a whole character, none of these is one.
        const places = [...bytes.keys()].filter((at) => (bytes[at] as number) < 0x80);
        bytes[places[position % places.length] as number] = byte;
        const parsed = parseEnvelope(bytes, LIMITS);
        expect(parsed.ok ? 'accepted' : parsed.reason).toBe('not_utf8');
      }),
    );
  });
});
