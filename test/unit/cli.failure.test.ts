import { CommanderError } from 'commander';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { reportFailure } from '../../src/cli/failure.js';
import { Resources, withResources } from '../../src/cli/resources.js';
import { InorderError } from '../../src/errors.js';
import { silentLog } from '../../src/observe/log.js';

let written: string;

beforeEach(() => {
  written = '';
  jest.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written += String(text);
    return true;
  });
});

afterEach(() => {
  jest.restoreAllMocks();
});

describe('a failure', () => {
  test('is one line with its reason, and the exit code of its kind', () => {
    expect(reportFailure(new InorderError('usage', 'to whom?'))).toBe(2);
    expect(reportFailure(new InorderError('kafka_unavailable', 'no broker answers'))).toBe(1);
    expect(written).toBe('error: to whom?\nerror: no broker answers\n');
  });

  test('that nobody foresaw is called a bug', () => {
    expect(reportFailure(new TypeError('x is not a function'))).toBe(70);
    expect(reportFailure('text')).toBe(70);
    expect(written.split('\n')[0]).toMatch(/^error: x is not a function \(this is a bug of inorder/);
  });

  test('of the command line was told by commander already; help is none', () => {
    expect(reportFailure(new CommanderError(1, 'commander.unknownOption', 'x'))).toBe(2);
    expect(reportFailure(new CommanderError(0, 'commander.helpDisplayed', 'x'))).toBe(0);
    expect(written).toBe('');
  });
});

describe('what was opened', () => {
  const closing = (names: string[], name: string) => async (): Promise<void> => {
    names.push(name);
    if (name === 'b') throw new Error('stuck');
  };

  test('is closed in reverse order, once, and one that fails keeps no other open', async () => {
    const closed: string[] = [];
    const resources = new Resources(silentLog);
    for (const name of ['a', 'b', 'c']) resources.opened(name, closing(closed, name));
    await resources.closeAll();
    await resources.closeAll();
    expect(closed).toEqual(['c', 'b', 'a']);
  });

  test('too late, after the closing, is closed at once', async () => {
    const closed: string[] = [];
    const resources = new Resources(silentLog);
    await resources.closeAll();
    resources.opened('late', closing(closed, 'late'));
    expect(closed).toEqual(['late']);
  });

  test('is closed where the work fails, too', async () => {
    const closed: string[] = [];
    const work = withResources(silentLog, async (resources) => {
      resources.opened('a', closing(closed, 'a'));
      throw new Error('failed');
    });
    await expect(work).rejects.toThrow('failed');
    expect(closed).toEqual(['a']);
  });
});
