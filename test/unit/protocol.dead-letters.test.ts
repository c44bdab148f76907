import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import {
  DEAD_LETTER_HEADERS,
  deadLetterRecord,
  decodeHeaders,
  parseDeadLetter,
} from '../../src/protocol/dead-letter.js';
import { parseEnvelope } from '../../src/protocol/parse-envelope.js';
import { DEAD_LETTER_REASONS } from '../../src/protocol/reasons.js';
import type { RawRecord } from '../../src/record.js';

const DEAD = {
  place: { partition: 3, offset: 1234 },
  topic: 'im.ingest',
  reason: 'wrong_type',
  detail: 'sentAt is "soon": expected an integer',
  atMs: Date.UTC(2025, 10, 24, 16, 5, 6, 7),
} as const;

function deadLetterOf(record: Partial<RawRecord>): RawRecord {
  return deadLetterRecord({ ...DEAD, record: { key: null, value: null, headers: {}, ...record } });
}

function text(headers: RawRecord['headers']): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}

describe('a dead letter', () => {
  test('says why, where and when', () => {
    expect(text(deadLetterOf({}).headers)).toEqual({
      'inorder-dlq-reason': 'wrong_type',
      'inorder-dlq-detail': 'sentAt is "soon": expected an integer',
      'inorder-dlq-topic': 'im.ingest',
      'inorder-dlq-partition': '3',
      'inorder-dlq-offset': '1234',
      'inorder-dlq-at': '2025-11-24T16:05:06.007Z',
    });
  });

  test('keeps null and empty apart, in key and value', () => {
    const empty = Buffer.alloc(0);
    expect(deadLetterOf({ key: null, value: null })).toMatchObject({ key: null, value: null });
    expect(deadLetterOf({ key: empty, value: empty })).toMatchObject({ key: empty, value: empty });
  });

  test("keeps the producer's headers, repeated ones too, and none that a producer forged", () => {
    const twice = [Buffer.from('1'), Buffer.from('2')];
    const headers = {
      app: Buffer.from('x'),
      twice,
      'inorder-dlq-reason': Buffer.from('forged'),
      'inorder-x': Buffer.from('y'),
    };
    const dead = deadLetterOf({ headers });
    expect(dead.headers['app']).toBe(headers.app);
    expect(dead.headers['twice']).toBe(twice);
    expect(String(dead.headers['inorder-dlq-reason'])).toBe('wrong_type');
    expect(Object.keys(dead.headers)).toHaveLength(2 + DEAD_LETTER_HEADERS.length);
  });

  test('is told from a record that somebody else wrote', () => {
    const at = { topic: 'im.dlq', partition: 0, offset: 0, timestampMs: 0 };
    const dead = { ...deadLetterOf({}), ...at };
    expect(parseDeadLetter(dead)).toMatchObject(DEAD);
    expect(parseDeadLetter({ ...dead, headers: {} })).toBeNull();
    for (const name of DEAD_LETTER_HEADERS) {
      const { [name]: _, ...headers } = dead.headers;
      expect(parseDeadLetter({ ...dead, headers })).toBeNull();
    }
    for (const name of ['inorder-dlq-offset', 'inorder-dlq-at']) {
      expect(parseDeadLetter({ ...dead, headers: { ...dead.headers, [name]: Buffer.from('x') } })).toBeNull();
    }
  });
});

test.each(['', 'x', '{}', '[1]', '[["a",1]]', '[["a",["b",2]]]'])(
  'stored headers that are none (%j) are noticed',
  (stored) => {
    expect(() => decodeHeaders(Buffer.from(stored))).toThrow(expect.objectContaining({ code: 'invariant_broken' }));
  },
);

describe('docs/dead-letters.md', () => {
  const page = readFileSync(new URL('../../docs/dead-letters.md', import.meta.url), 'utf8');
  const sections = page
    .split(/^### /m)
    .slice(1)
    .map((section) => {
      const [heading = '', , sentence = ''] = section.split('\n');
      const examples = [...section.matchAll(/```json\n(.*?)\n```/gs)].map((match) => match[1] ?? '');
      return { heading, sentence, examples };
    });

  test('has a section on every reason, in the order of the code, with its sentence', () => {
    expect(sections.map(({ heading, sentence }) => [heading, sentence])).toEqual(Object.entries(DEAD_LETTER_REASONS));
  });

  test.each(sections.filter(({ examples }) => examples.length > 0))(
    '$heading: its examples are refused for it',
    (section) => {
      for (const example of section.examples) {
        const parsed = parseEnvelope(Buffer.from(example), { maxValueBytes: 1000 });
        expect(parsed.ok ? 'accepted' : parsed.reason).toBe(section.heading);
      }
    },
  );

  test('names the headers', () => {
    for (const name of DEAD_LETTER_HEADERS) expect(page).toContain(`\`${name}\``);
  });
});
