import { describe, expect, test } from '@jest/globals';
import { envelopeFromFlags, namesMessage } from '../../src/cli/envelope-from-flags.js';
import { inputLines } from '../../src/cli/input-lines.js';

const fixed = { nowMs: () => 1_767_225_600_000, newId: () => 'id-1' };

describe('a message made of flags', () => {
  test('is an envelope with what was not said filled in', () => {
    const envelope = envelopeFromFlags({ from: 'alice', to: 'bob', text: 'he said "hi"\n' }, fixed);
    expect(JSON.parse(envelope.toString())).toEqual({
      senderId: 'alice',
      receiverId: 'bob',
      clientMsgId: 'id-1',
      sentAt: 1_767_225_600_000,
      body: { text: 'he said "hi"\n' },
    });
  });

  test('carries --body and --meta exactly as typed, numbers beyond doubles included', () => {
    const body = '{"n" : 9007199254740993, "x": 1e400}';
    const envelope = envelopeFromFlags(
      { from: 'a', group: 'g', body, meta: '{"k":1.0}', senderSeq: 3 },
      fixed,
    ).toString();
    expect(envelope).toContain(`"body":${body}`);
    expect(envelope).toContain('"meta":{"k":1.0}');
    expect(envelope).toContain('"groupId":"g"');
    expect(envelope).toContain('"senderSeq":3');
  });

  test.each([
    [{ to: 'bob', text: 'x' }, 'who sends?'],
    [{ from: 'a', text: 'x' }, 'to whom?'],
    [{ from: 'a', to: 'b', group: 'g', text: 'x' }, 'to whom?'],
    [{ from: 'a', to: 'b' }, 'what?'],
    [{ from: 'a', to: 'b', text: 'x', body: '1' }, 'what?'],
    [{ from: 'a', to: 'b', body: '{a:1}' }, '--body is not JSON'],
    [{ from: 'a', to: 'b', text: 'x', meta: '{' }, '--meta is not JSON'],
  ])('%j is asked about, not guessed', (flags, question) => {
    expect(() => envelopeFromFlags(flags, fixed)).toThrow(question);
  });

  test('a flag that only a message has names one', () => {
    expect(namesMessage({})).toBe(false);
    expect(namesMessage({ senderSeq: 0 })).toBe(true);
  });
});

async function linesOf(chunks: readonly (string | Buffer)[], maxLineBytes = 1_000): Promise<string[]> {
  async function* input(): AsyncGenerator<Buffer> {
    for (const chunk of chunks) yield Buffer.from(chunk as string);
  }
  const lines: string[] = [];
  for await (const line of inputLines(input(), maxLineBytes)) lines.push(line.toString('latin1'));
  return lines;
}

describe('lines of input', () => {
  test('are the same however the stream was cut', async () => {
    const text = 'one\ntwo\r\n\nfour';
    const expected = ['one', 'two\r', '', 'four'];
    expect(await linesOf([text])).toEqual(expected);
    expect(await linesOf(Array.from(text))).toEqual(expected);
    expect(await linesOf(['one\ntw', 'o\r\n', '\nfo', 'ur'])).toEqual(expected);
    expect(await linesOf(['one\n'])).toEqual(['one']);
    expect(await linesOf([])).toEqual([]);
  });

  test('are bytes: what is no UTF-8 arrives as it came', async () => {
    expect(await linesOf([Buffer.from([0xff, 0xfe, 0x0a, 0x80])])).toEqual(['\u00ff\u00fe', '\u0080']);
  });

  test('one that does not end is refused before it fills the memory', async () => {
    await expect(linesOf(['ok\n', ...Array.from({ length: 30 }, () => 'x'.repeat(50))])).rejects.toThrow(
      'line 2 is longer',
    );
  });
});
