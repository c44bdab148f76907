import { describe, expect, test } from '@jest/globals';
import { parseEnvelope } from '../../src/protocol/parse-envelope.js';

const LIMITS = { maxValueBytes: 1000 };
const LEGAL = { senderId: 'alice', receiverId: 'bob', clientMsgId: 'm-1', sentAt: 1_764_000_000_000, body: 'hello' };

type Judged = ['accepted'] | [reason: string, detail: string];

function judge(value: string | Buffer | null): Judged {
  const parsed = parseEnvelope(typeof value === 'string' ? Buffer.from(value) : value, LIMITS);
  return parsed.ok ? ['accepted'] : [parsed.reason, parsed.detail];
}

/** The envelope with some fields changed; undefined leaves one out. */
function changed(fields: Record<string, unknown>): string {
  return JSON.stringify({ ...LEGAL, ...fields });
}

/** The envelope with the text of one field as it is given, where JSON.stringify would write another. */
function verbatim(field: string, text: string): string {
  const rest = JSON.stringify({ ...LEGAL, [field]: undefined }).slice(1, -1);
  return `{${rest},${JSON.stringify(field)}:${text}}`;
}

describe('the outside of a value', () => {
  test.each<[string, string | Buffer | null, string, string]>([
    ['null', null, 'null_value', 'the value is null: expected an envelope'],
    ['empty', '', 'empty_value', 'the value is empty: expected an envelope'],
    ['too large', 'x'.repeat(1001), 'too_large', 'the value has 1001 bytes: expected at most 1000'],
    [
      'a byte order mark',
      `\ufeff${changed({})}`,
      'byte_order_mark',
      'the value begins with a byte order mark: expected JSON',
    ],
    ['Latin-1', Buffer.from(changed({ body: 'é' }), 'latin1'), 'not_utf8', 'the value is not UTF-8'],
    [
      'UTF-16',
      Buffer.from(`\ufeff${changed({})}`, 'utf16le'),
      'not_utf8',
      'the value is not UTF-8 (it looks like UTF-16)',
    ],
    ['a surrogate in UTF-8', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), 'not_utf8', 'the value is not UTF-8'],
    ['white space', ' \n', 'not_json', 'the value is not JSON: it ends too early'],
    ['a list', '[]', 'not_an_object', 'the value is an array: expected an object'],
    ['null in JSON', 'null', 'not_an_object', 'the value is null: expected an object'],
    ['a number', '1e400', 'not_an_object', 'the value is a number: expected an object'],
  ])('%s', (_, value, reason, detail) => {
    expect(judge(value)).toEqual([reason, detail]);
  });

  test('legal white space is none of our business', () => {
    expect(judge(` \t\r\n${JSON.stringify(LEGAL, null, '\t')}\r\n`)).toEqual(['accepted']);
  });

  test('a syntax error is told without the text around it', () => {
    const [reason, detail = ''] = judge('{"senderId":"alice","body":"secret words"');
    expect(reason).toBe('not_json');
    expect(detail).toMatch(/^the value is not JSON/);
    for (const broken of [
      '{"body":"secret words",}',
      '{"body":secret words}',
      '{"body":"secret \n words"}',
      'secret words',
    ]) {
      expect(judge(broken)).toEqual(['not_json', expect.not.stringMatching(/words|secr/)]);
    }
  });
});

describe('a sentence names the field, what it holds, and what was expected', () => {
  const id = 'a string of 1 to 128 characters';
  const count = 'an integer from 0 to 9007199254740991';
  test.each<[Record<string, unknown>, string, string]>([
    [{ senderId: undefined }, 'missing_field', `senderId is missing: expected ${id}`],
    [{ body: undefined }, 'missing_field', 'body is missing: expected any JSON value'],
    [{ sender_seq: 1 }, 'unknown_field', 'unknown field "sender_seq"; did you mean senderSeq?'],
    [{ senderId: undefined, SenderID: 'x' }, 'unknown_field', 'unknown field "SenderID"; did you mean senderId?'],
    [{ colour: 'red' }, 'unknown_field', 'unknown field "colour"'],
    [{ constructor: 1 }, 'unknown_field', 'unknown field "constructor"'],
    [{ toString: 1 }, 'unknown_field', 'unknown field "toString"'],
    [{ senderId: 7 }, 'wrong_type', `senderId is 7: expected ${id}`],
    [{ senderId: null }, 'wrong_type', `senderId is null: expected ${id}; leave out a field that has no value`],
    [{ clientMsgId: ['secret'] }, 'wrong_type', `clientMsgId is an array: expected ${id}`],
    [{ sentAt: '2025-11-24' }, 'wrong_type', `sentAt is "2025-11-24": expected ${count}`],
    [{ sentAt: true }, 'wrong_type', `sentAt is true: expected ${count}`],
    [{ sentAt: 1.5 }, 'wrong_type', `sentAt is 1.5: expected ${count}`],
    [{ senderSeq: 0 }, 'out_of_range', 'senderSeq is 0: expected an integer from 1 to 9007199254740991'],
    [{ sentAt: -1 }, 'out_of_range', `sentAt is -1: expected ${count}`],
    [{ senderId: '' }, 'out_of_range', `senderId is "": expected ${id}`],
    [
      { senderId: 'é'.repeat(129) },
      'out_of_range',
      `senderId has 129 characters ("${'é'.repeat(40)}…"): expected ${id}`,
    ],
    [{ meta: null }, 'wrong_type', 'meta is null: expected an object; leave out a field that has no value'],
    [{ meta: 'secret' }, 'wrong_type', 'meta is a string: expected an object'],
    [{ meta: [1] }, 'wrong_type', 'meta is an array: expected an object'],
    [
      { receiverId: undefined },
      'receiver_or_group',
      'receiverId and groupId are both missing: expected exactly one of them',
    ],
    [{ groupId: 'g' }, 'receiver_or_group', 'receiverId and groupId are both there: expected exactly one of them'],
    [{ prevSenderSeq: 0 }, 'sender_numbers', 'prevSenderSeq is there without senderSeq: expected both, or neither'],
    [{ senderEpoch: 0 }, 'sender_numbers', 'senderEpoch is there without senderSeq: expected both, or neither'],
    [{ senderSeq: 4, prevSenderSeq: 4 }, 'sender_numbers', 'prevSenderSeq is 4: expected less than senderSeq, 4'],
  ])('%j', (fields, reason, detail) => {
    expect(judge(changed(fields))).toEqual([reason, detail]);
  });

  test('__proto__ is an unknown field of the envelope, and an ordinary name in a body', () => {
    expect(judge(verbatim('__proto__', '{"senderId":"eve"}'))).toEqual(['unknown_field', 'unknown field "__proto__"']);
    expect(judge(verbatim('body', '{"__proto__":1,"constructor":{"toString":2},"hasOwnProperty":3}'))).toEqual([
      'accepted',
    ]);
  });
});

describe('what JSON.parse lets pass', () => {
  const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);

  test.each<[string, string, string]>([
    [`{"body":1,"a":2,"a":3}`, 'duplicate_name', 'field "a" is there twice'],
    [`{"body":1,"bod\\u0079":2}`, 'duplicate_name', 'field "body" is there twice'],
    [`{"body":{"a":1,"\\u0061":2}}`, 'duplicate_name', 'body holds an object with two members of one name, at byte 15'],
    [
      `{"body":[{"b":1,"a":2,"b":3}]}`,
      'duplicate_name',
      'body holds an object with two members of one name, at byte 9',
    ],
    [`{"meta":{"":1,"":2}}`, 'duplicate_name', 'meta holds an object with two members of one name, at byte 14'],
    [`{"body":"\\ud800"}`, 'ill_formed_text', 'body holds half of a surrogate pair, at byte 9: expected Unicode text'],
    [
      `{"a\\udc00":1}`,
      'ill_formed_text',
      'the envelope holds half of a surrogate pair, at byte 3: expected Unicode text',
    ],
    [`{"body":{"\\u0000":1}}`, 'nul_character', 'body holds U+0000, at byte 10: expected text without it'],
    [`{"body":${nested(64)}}`, 'nesting_too_deep', 'body is nested too deep at byte 71: expected at most 64 levels'],
  ])('%s', (value, reason, detail) => {
    expect(judge(value)).toEqual([reason, detail]);
  });

  test('64 levels are legal, the envelope being the first', () => {
    expect(judge(verbatim('body', nested(63)))).toEqual(['accepted']);
    expect(judge(verbatim('body', `[[],{},${nested(62)},{"a":[]}]`))).toEqual(['accepted']);
  });

  test('so are pairs of surrogates, in escapes of either case', () => {
    expect(judge(verbatim('body', '"\\uD83D\\ude00"'))).toEqual(['accepted']);
  });

  test('nesting as deep as a value is large is refused, not recursed into', () => {
    const value = Buffer.from(`{"body":${nested(120_000)}}`);
    const parsed = parseEnvelope(value, { maxValueBytes: 256 * 1024 });
    expect(parsed).toMatchObject({ ok: false, reason: 'nesting_too_deep' });
  });
});

describe('lengths count code points', () => {
  test.each(['senderId', 'receiverId', 'clientMsgId'])('%s', (field) => {
    expect(judge(changed({ [field]: '😀'.repeat(128) }))).toEqual(['accepted']);
    expect(judge(changed({ [field]: '😀'.repeat(129) }))[0]).toBe('out_of_range');
    expect(judge(changed({ [field]: 'x'.repeat(128) }))).toEqual(['accepted']);
  });
});

describe('integers are judged as they are written', () => {
  test.each([
    '0',
    '1.0',
    '1e3',
    '1E+3',
    '1000e-3',
    '-0',
    '-0.0',
    '0e-400',
    '9007199254740991',
    '9007199254740991.000',
    '90071992547409910e-1',
  ])('%s is one', (text) => {
    expect(judge(verbatim('sentAt', text))).toEqual(['accepted']);
  });

  test.each([
    ['9007199254740991.4', 'wrong_type'],
    ['9007199254740991.6', 'wrong_type'],
    ['0.99999999999999999999', 'wrong_type'],
    ['1e-400', 'wrong_type'],
    ['-1e-400', 'wrong_type'],
    ['1.5', 'wrong_type'],
    ['1234567890123e-1', 'wrong_type'],
    ['9007199254740992', 'out_of_range'],
    ['9007199254740993', 'out_of_range'],
    ['99999999999999999', 'out_of_range'],
    ['1e400', 'out_of_range'],
    ['-1e400', 'out_of_range'],
    ['-1', 'out_of_range'],
  ])('%s is refused, and shown as it is written', (text, reason) => {
    expect(judge(verbatim('sentAt', text))).toEqual([
      reason,
      `sentAt is ${text}: expected an integer from 0 to 9007199254740991`,
    ]);
  });

  test("the sender's numbers are compared, however they are written", () => {
    expect(judge(`${verbatim('senderSeq', '1e1').slice(0, -1)},"prevSenderSeq":9.0}`)).toEqual(['accepted']);
    expect(judge(`${verbatim('senderSeq', '1e1').slice(0, -1)},"prevSenderSeq":10.0}`)[0]).toBe('sender_numbers');
  });
});

describe('as large as a value may be, it takes milliseconds', () => {
  const LARGE = { maxValueBytes: 256 * 1024 };

  /** What is quadratic takes seconds to minutes; the limit leaves room for a busy machine. */
  function expectSoon(value: string, outcome: Record<string, unknown>): void {
    const bytes = Buffer.from(value);
    expect(bytes.length).toBeLessThanOrEqual(LARGE.maxValueBytes);
    const start = process.hrtime.bigint();
    expect(parseEnvelope(bytes, LARGE)).toMatchObject(outcome);
    expect(Number(process.hrtime.bigint() - start) / 1e6).toBeLessThan(2_000);
  }

  test('a number with a long run of zeros', () => {
    const number = `0.${'0'.repeat(200_000)}1${'0'.repeat(50_000)}`;
    expectSoon(verbatim('sentAt', number), { ok: false, reason: 'wrong_type' });
  });

  test('an object with its members in the worst order', () => {
    const names = Array.from({ length: 25_000 }, (_, i) => `"${99_999 - i}"`);
    expectSoon(verbatim('body', `{${names.join(':0,')}:0}`), { ok: true });
    expectSoon(verbatim('body', `{${names.join(':0,')}:0,"99999":0}`), { ok: false, reason: 'duplicate_name' });
  });

  test('an envelope of unknown fields only', () => {
    const names = Array.from({ length: 25_000 }, (_, i) => `"${i}":0`);
    expectSoon(`{${names.join(',')}}`, { ok: false, reason: 'unknown_field' });
  });

  test('an id of nothing but emoji', () => {
    expectSoon(changed({ senderId: '\u{1f600}'.repeat(60_000) }), { ok: false, reason: 'out_of_range' });
  });

  test('objects in objects, each in the wrong order', () => {
    const name = 'x'.repeat(2_000);
    const body = Array.from({ length: 62 }, () => `{"b${name}":`).join('') + '0' + ',"a":0}'.repeat(62);
    expectSoon(verbatim('body', body), { ok: true });
  });
});

describe('an accepted envelope', () => {
  // Computed by Python 3: json.dumps(content, sort_keys=True, separators=(',', ':'), ensure_ascii=False).
  const VECTOR_SHA256 = 'b23d04f5e58fb22e88c4d237f121e6fd2f067a6aec8cf6fe925c2beefbd50f27';
  const content =
    '"senderId":"al\\"ice","receiverId":"b\\\\ob","clientMsgId":"m\\u002d1","senderSeq":7,' +
    '"body": {"z":[1,2,{"b":null,"a":true}],"\\ue000":1,"\\ud800\\udc00":2,"é":"\\u000a\\u0001\\u007f\\/","":{}, "Z":0.5},' +
    '"meta":{"k":"v"}';

  test('has the SHA-256 of its canonical content', () => {
    for (const value of [`{${content},"sentAt":1}`, `{"sentAt":2,${content.replaceAll('\\/', '/')} }`]) {
      const parsed = parseEnvelope(Buffer.from(value), LIMITS);
      expect(parsed.ok && parsed.envelope.contentHash.toString('hex')).toBe(VECTOR_SHA256);
    }
  });

  test('tells 1 from 1.0 and an absent meta from an empty one', () => {
    const values = [
      verbatim('body', '1'),
      verbatim('body', '1.0'),
      changed({ body: 1, meta: {} }),
      changed({ body: '1' }),
    ];
    const hashes = values.map((value) => {
      const parsed = parseEnvelope(Buffer.from(value), LIMITS);
      return parsed.ok && parsed.envelope.contentHash.toString('hex');
    });
    expect(new Set(hashes).size).toBe(values.length);
  });

  test('views its body and meta in the value, and keeps them when the next one is parsed', () => {
    const value = Buffer.from(changed({ body: { text: 'hi' }, meta: { a: 1 } }));
    const parsed = parseEnvelope(value, LIMITS);
    parseEnvelope(Buffer.from(changed({ body: 'x'.repeat(500) })), LIMITS);
    expect(parsed.ok && [String(parsed.envelope.body), String(parsed.envelope.meta)]).toEqual([
      '{"text":"hi"}',
      '{"a":1}',
    ]);
    expect(parsed.ok && parsed.envelope.body.buffer).toBe(value.buffer);
  });
});
