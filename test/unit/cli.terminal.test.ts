import { describe, expect, test } from '@jest/globals';
import { oneLine } from '../../src/cli/output.js';
import { Progress } from '../../src/cli/progress.js';
import { bytesInline, hexdumpLines } from '../../src/cli/safe-bytes.js';
import { tableLines } from '../../src/cli/table.js';
import { displayWidth, shortened, visible } from '../../src/cli/terminal-text.js';

describe('a table', () => {
  test('lines its columns up, numbers to the right, without blanks at line ends', () => {
    const lines = tableLines(
      [{ title: 'topic' }, { title: 'partitions', align: 'right' }, { title: 'state' }],
      [
        ['im.ingest', 8, 'created'],
        ['im.delivery', 128, ''],
      ],
    );
    expect(lines).toEqual([
      'topic        partitions  state',
      'im.ingest             8  created',
      'im.delivery         128',
    ]);
  });

  test('counts wide characters as the two columns they take', () => {
    const lines = tableLines(
      [{ title: 'name' }, { title: 'n' }],
      [
        ['王小明', 1],
        ['bob', 2],
      ],
    );
    expect(lines.slice(1)).toEqual(['王小明  1', 'bob     2']);
    expect(displayWidth('👍e\u0301')).toBe(3);
  });
});

describe('text of strangers', () => {
  test('moves no cursor and turns no direction', () => {
    expect(visible('a\u001b[2Jb\u0000c\u202ed\n')).toBe('a\\x1b[2Jb\\x00c\\u202ed\\n');
    expect(visible('好的 👍 ñ')).toBe('好的 👍 ñ');
  });

  test('is cut by columns, with a mark', () => {
    expect(shortened('hello', 5)).toBe('hello');
    expect(shortened('hello!', 5)).toBe('hell…');
    expect(displayWidth(shortened('王小明王小明', 6))).toBeLessThanOrEqual(6);
  });
});

describe('bytes of strangers', () => {
  test('are text where they are text, hex where they are not; null and empty differ', () => {
    expect(bytesInline(null, 40)).toBe('(null)');
    expect(bytesInline(Buffer.alloc(0), 40)).toBe('(empty)');
    expect(bytesInline(Buffer.from('{"a":1}\u0000'), 40)).toBe('{"a":1}\\x00');
    expect(bytesInline(Buffer.from([0x7b, 0xff, 0xfe]), 40)).toBe('(not UTF-8) 7bfffe');
    expect(bytesInline(Buffer.from('x'.repeat(100)), 10)).toBe(`${'x'.repeat(9)}…`);
    expect(bytesInline(Buffer.from('好'.repeat(100)), 10)).toBe(`${'好'.repeat(9)}…`);
  });

  test('a hexdump says what it leaves out', () => {
    const lines = hexdumpLines(Buffer.from('0123456789abcdef\u0001z'), 17);
    expect(lines[0]).toBe('00000000  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  0123456789abcdef');
    expect(lines[1]).toMatch(/^00000010 {2}01 +\.$/);
    expect(lines[2]).toBe('… 1 more bytes');
  });
});

describe('JSON on one line', () => {
  test('keeps the value and loses the line breaks between its tokens', () => {
    const json = Buffer.from('{"a":\r\n [1,\n2], "b":"x\\ny"}');
    const line = oneLine(json);
    expect(line.includes(0x0a) || line.includes(0x0d)).toBe(false);
    expect(JSON.parse(line.toString())).toEqual(JSON.parse(json.toString()));
  });
});

describe('progress', () => {
  function recorded(isTTY: boolean): { written: string[]; progress: Progress; advance: (ms: number) => void } {
    const written: string[] = [];
    let now = 0;
    const stream = { isTTY, columns: 30, write: (text: string) => written.push(text) };
    const progress = new Progress({ stream, nowMs: () => now });
    return { written, progress, advance: (ms) => (now += ms) };
  }

  test('says nothing of work that is done within two seconds', () => {
    const { written, progress, advance } = recorded(false);
    for (let i = 0; i < 19; i += 1) {
      progress.update(() => 'sent');
      advance(100);
    }
    progress.end();
    expect(written).toEqual([]);
  });

  test('is a plain line every five seconds where nobody watches a terminal', () => {
    const { written, progress, advance } = recorded(false);
    for (let second = 0; second <= 12; second += 1) {
      progress.update(() => `${second} s`);
      advance(1000);
    }
    expect(written).toEqual(['2 s\n', '7 s\n', '12 s\n']);
  });

  test('rewrites one line on a terminal, cut to its width, and clears it at the end', () => {
    const { written, progress, advance } = recorded(true);
    advance(2000);
    progress.update(() => 'x'.repeat(100));
    progress.end();
    expect(written).toEqual([`\r\u001b[2K${'x'.repeat(29)}`, '\r\u001b[2K']);
  });
});
