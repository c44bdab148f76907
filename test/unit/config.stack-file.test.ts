import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  processIsAlive,
  readStack,
  removeStack,
  stackPath,
  writeStack,
  type Stack,
} from '../../src/config/stack-file.js';

let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'inorder-stack-'));
});

afterEach(() => rmSync(dataDir, { recursive: true }));

const stack: Stack = {
  brokers: ['127.0.0.1:9092'],
  databaseUrl: 'postgres://inorder:inorder@127.0.0.1:5432/inorder',
  httpUrl: 'http://127.0.0.1:8080',
  pids: { inorder: process.pid, kafka: 1, postgres: 2 },
};

describe('stack.json', () => {
  test('is read back as it was written, leaves no temporary file, and only its owner may read it', () => {
    writeStack(dataDir, stack);
    expect(readStack(dataDir)).toEqual({ kind: 'running', stack });
    expect(readdirSync(dataDir)).toEqual(['stack.json']);
    expect(statSync(stackPath(dataDir)).mode & 0o077).toBe(0);
  });

  test('absent is said, and a folder that does not exist yet is made', () => {
    const deeper = join(dataDir, 'a', 'b');
    expect(readStack(deeper)).toEqual({ kind: 'absent' });
    writeStack(deeper, stack);
    expect(readStack(deeper).kind).toBe('running');
  });

  test('left by a process that is gone, it is stale', () => {
    writeStack(dataDir, { ...stack, pids: { inorder: 4242, kafka: 1 } });
    expect(readStack(dataDir, (pid) => pid !== 4242)).toMatchObject({ kind: 'stale', deadPid: 4242 });
  });

  test('its owner decides: an embedded server that is being restarted does not make it stale', () => {
    writeStack(dataDir, stack);
    expect(readStack(dataDir, (pid) => pid === process.pid).kind).toBe('running');
  });

  test.each([
    ['half', '{"brokers":'],
    ['empty', ''],
    ['wrong', '{"brokers":[],"databaseUrl":"x","pids":{}}'],
    ['other', '[1]'],
  ])('what is no stack is said to be unreadable, not taken for one: %s', (_what, text) => {
    writeFileSync(stackPath(dataDir), text);
    expect(readStack(dataDir).kind).toBe('unreadable');
  });

  test("removed at the stop, unless it is another process's by now", () => {
    writeStack(dataDir, { ...stack, pids: { inorder: process.pid + 1 } });
    removeStack(dataDir);
    expect(readStack(dataDir, () => true).kind).toBe('running');
    writeStack(dataDir, stack);
    removeStack(dataDir);
    expect(readStack(dataDir)).toEqual({ kind: 'absent' });
    expect(() => removeStack(dataDir)).not.toThrow();
  });

  test('a living process is told from a dead one', () => {
    expect(processIsAlive(process.pid)).toBe(true);
    expect(processIsAlive(2 ** 22 + 1)).toBe(false);
  });
});
