import { describe, expect, test } from '@jest/globals';
import { messageHead, messageLine, textOf, type ShownMessage } from '../../src/cli/message-line.js';
import { displayWidth } from '../../src/cli/terminal-text.js';

const message: ShownMessage = {
  conversationId: 'single:alice:bob',
  seq: 7,
  senderId: 'alice',
  stampedAt: new Date(2026, 0, 2, 3, 4, 5, 6).getTime(),
  late: false,
  body: Buffer.from('{"text":"hello"}'),
};

describe('a message as a line', () => {
  test('lines up under its head and with other lines, whatever the ids', () => {
    const head = messageHead();
    const lines = [
      messageLine(message, 120),
      messageLine(
        { ...message, conversationId: 'group:王小明和他的朋友们的一个很长的群名字', senderId: '王小明' },
        120,
      ),
      messageLine({ ...message, seq: 123_456, conversationId: `single:${'x'.repeat(200)}:y` }, 120),
    ];
    const columnOf = (line: string): number => displayWidth(line.slice(0, line.indexOf('hello')));
    expect(lines.map(columnOf)).toEqual([head, head, head].map((line) => line.indexOf('text')));
    expect(lines[0]).toBe('03:04:05.006  single:alice:bob                 7  alice           hello');
  });

  test('is never wider than the terminal, says when it is late, and moves no cursor', () => {
    const body = Buffer.from(JSON.stringify(`\u001b[31m${'wide 好'.repeat(50)}\n`));
    const line = messageLine({ ...message, late: true, body }, 100);
    expect(displayWidth(line)).toBeLessThanOrEqual(100);
    expect(line).toContain('(late) \\x1b[31m');
  });

  test.each([
    ['"hi"', 'hi'],
    ['{"text":"hi","n":1}', 'hi'],
    ['{"text":7}', '{"text":7}'],
    ['9007199254740993', '9007199254740993'],
    ['null', 'null'],
    ['not json', 'not json'],
  ])('the text of %s is %s', (body, text) => {
    expect(textOf(Buffer.from(body))).toBe(text);
  });
});
