import { describe, expect, test } from '@jest/globals';
import { chosenConversation, moment, share, wholeNumber } from '../../src/cli/options.js';

describe('option values', () => {
  test('shares are per cent or fractions', () => {
    expect([share('5%'), share('0.05'), share('0'), share('100%'), share('2.5%')]).toEqual([0.05, 0.05, 0, 1, 0.025]);
    for (const wrong of ['', '5', '101%', '-1%', 'a', '5 %']) expect(() => share(wrong)).toThrow('such as 5%');
  });

  test('whole numbers keep to their range', () => {
    expect(wholeNumber(1, 10)('10')).toBe(10);
    for (const wrong of ['0', '11', '1.5', '-1', 'x', ''])
      expect(() => wholeNumber(1, 10)(wrong)).toThrow('from 1 to 10');
  });

  test('moments are dates or how long ago', () => {
    expect(moment('2026-01-31T12:00:00Z')).toBe(Date.UTC(2026, 0, 31, 12));
    expect(moment('15m', 1_000_000)).toBe(100_000);
    expect(moment('7d', 700_000_000)).toBe(700_000_000 - 604_800_000);
    for (const wrong of ['yesterday', '5', '2026-13-45', '-1h']) expect(() => moment(wrong)).toThrow('how long ago');
  });

  test('a conversation is named by its id, its group or its two people', () => {
    expect(chosenConversation({})).toBeNull();
    expect(chosenConversation({ conversation: 'group:x' })).toBe('group:x');
    expect(chosenConversation({ group: 'team' })).toBe('group:team');
    expect(chosenConversation({ between: 'a:b,c' })).toBe('single:a%3Ab:c');
    expect(chosenConversation({ between: 'bob,alice' })).toBe('single:alice:bob');
    expect(chosenConversation({ between: 'alice, bob' })).toBe('single:alice:bob');
    expect(() => chosenConversation({ group: 'g', between: 'a,b' })).toThrow('not several');
    expect(() => chosenConversation({ conversation: 'alice' })).toThrow('group:<group>');
    expect(() => chosenConversation({ between: 'alice' })).toThrow('two ids');
  });
});
