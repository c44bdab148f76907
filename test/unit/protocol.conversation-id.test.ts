import { describe, expect, test } from '@jest/globals';
import { conversationIdOf } from '../../src/protocol/conversation-id.js';

describe('a single chat', () => {
  test.each([
    ['alice', 'bob', 'single:alice:bob'],
    ['bob', 'alice', 'single:alice:bob'],
    ['alice', 'alice', 'single:alice:alice'],
    ['B', 'a', 'single:B:a'],
    ['ab', 'a', 'single:a:ab'],
    ['a:b', 'c', 'single:a%3Ab:c'],
    ['100%', '100%25', 'single:100%25:100%2525'],
    ['汉', '字', 'single:字:汉'],
  ])('of %s and %s is %s', (senderId, receiverId, conversationId) => {
    expect(conversationIdOf(senderId, receiverId, null)).toBe(conversationId);
  });

  test('is ordered by the raw ids, not as they are escaped', () => {
    // `:` is U+003A and sorts after `9`; its escape would sort before.
    expect(conversationIdOf(':', '9', null)).toBe('single:9:%3A');
  });

  test('is ordered by code points, not by UTF-16 units', () => {
    // U+1F600 is D83D DE00 in UTF-16 and would come before U+FF5E.
    expect(conversationIdOf('\u{1f600}', '\uff5e', null)).toBe('single:\uff5e:\u{1f600}');
    expect(conversationIdOf('x\u{10000}', 'x\ue000', null)).toBe('single:x\ue000:x\u{10000}');
    expect(conversationIdOf('\ud7ff', '\u{10000}', null)).toBe('single:\ud7ff:\u{10000}');
  });
});

test('a group is named by its id as it is', () => {
  expect(conversationIdOf('alice', null, 'climbing')).toBe('group:climbing');
  expect(conversationIdOf('alice', null, 'a:b%')).toBe('group:a:b%');
});

test('a message to nobody is a bug', () => {
  expect(() => conversationIdOf('alice', null, null)).toThrow(expect.objectContaining({ code: 'invariant_broken' }));
});
