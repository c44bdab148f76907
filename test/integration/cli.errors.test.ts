import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { writeStack } from '../../src/config/stack-file.js';
import { InorderProcess } from '../support/stage-process.js';

let dataDir: string;

beforeAll(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'inorder-cli-'));
});

afterAll(() => rmSync(dataDir, { recursive: true }));

async function failing(args: readonly string[], env: Record<string, string> = {}, input?: string) {
  const child = new InorderProcess(args, { INORDER_DATA_DIR: dataDir, ...env }, { input });
  const { code, signal } = await child.exit;
  expect(signal).toBeNull();
  return { code, stdout: child.stdout, lines: child.stderr.trimEnd().split('\n') };
}

describe('a mistake ends with exit code 2, says what is wrong, and prints no stack', () => {
  test.each<[string, string[], Record<string, string>, RegExp]>([
    ['an unknown command', ['tial'], {}, /^\(Did you mean tail\?\)$/],
    ['an unknown option', ['tail', '--cuont', '3'], {}, /^\(Did you mean --count\?\)$/],
    ['an option that is no number', ['tail', '--count', 'many'], {}, /whole number/],
    ['a stage there is not', ['run', 'lodgic'], {}, /Allowed choices are ingest, logic, delivery/],
    ['a bad setting', ['tail'], { INORDER_PARTITIONS: '0' }, /^error: INORDER_PARTITIONS holds "0"; it may hold/],
    ['no stack', ['tail'], {}, /^error: KAFKA_BROKERS is unset.*npx inorder start/],
    ['no stack for both', ['run', 'logic'], {}, /^error: KAFKA_BROKERS and DATABASE_URL are unset/],
    ['no conversation', ['history'], {}, /^error: which conversation\?/],
    ['two conversations', ['tail', '--group', 'g', '--between', 'a,b'], {}, /not several/],
    ['two kinds of input', ['produce', '--from', 'a', '--count', '3'], {}, /one thing at a time/],
    ['a file', ['produce', 'x.jsonl'], {}, /inorder produce < x\.jsonl/],
    ['nothing chosen', ['dlq', 'replay'], {}, /which ones\?/],
    ['no place', ['dlq', 'show', '3'], {}, /such as 3:1207/],
  ])('%s', async (_what, args, env, expected) => {
    const { code, lines, stdout } = await failing(args, env);
    expect([code, stdout]).toEqual([2, '']);
    expect(lines.at(-1)).toMatch(expected);
    expect(lines.join('\n')).not.toMatch(/^\s+at /m);
  });

  test('several bad settings at once, none of the passwords shown', async () => {
    const { code, lines } = await failing(['migrate'], { LOG_LEVEL: 'loud', DATABASE_URL: 'mysql://u:hunter2@h/d' });
    expect(code).toBe(2);
    expect(lines[0]).toBe("error: 2 settings can't be used:");
    expect(lines.join('\n')).not.toContain('hunter2');
  });

  test('a stack that died is told from one that never was', async () => {
    writeStack(dataDir, { brokers: ['127.0.0.1:1'], databaseUrl: 'postgres://x/y', pids: { inorder: 2 ** 22 + 1 } });
    const { code, lines } = await failing(['tail']);
    rmSync(join(dataDir, 'stack.json'));
    expect(code).toBe(2);
    expect(lines.at(-1)).toMatch(/left from a stack that is gone \(its process 4194305 no longer runs\)/);
  });

  test('a second stack in one data directory', async () => {
    writeStack(dataDir, { brokers: ['127.0.0.1:1'], databaseUrl: 'postgres://x/y', pids: { inorder: process.pid } });
    const { code, lines } = await failing(['start']);
    rmSync(join(dataDir, 'stack.json'));
    expect(code).toBe(1);
    expect(lines.at(-1)).toContain(`a stack runs in ${dataDir} already (process ${process.pid}`);
  });
});

describe('what cannot be reached ends with exit code 1 and is named', () => {
  test('PostgreSQL', async () => {
    const { code, lines } = await failing(['migrate'], { DATABASE_URL: 'postgres://u:p@127.0.0.1:1/d' });
    expect(code).toBe(1);
    expect(lines.at(-1)).toMatch(/^error: .*127\.0\.0\.1:1/);
  });

  test('Kafka', async () => {
    const { code, lines } = await failing(['topics'], { KAFKA_BROKERS: '127.0.0.1:1' });
    expect(code).toBe(1);
    expect(lines.at(-1)).toMatch(/^error: .*127\.0\.0\.1:1/);
  });
});

describe('help', () => {
  test('names every command and every setting', async () => {
    const { code, stdout } = await failing(['--help']);
    expect(code).toBe(0);
    for (const word of [
      'start',
      'produce',
      'tail',
      'history',
      'dlq',
      'run',
      'servers',
      'topics',
      'migrate',
      'KAFKA_BROKERS',
      'LOG_LEVEL',
    ]) {
      expect(stdout).toContain(word);
    }
  });

  test.each([
    'start',
    'produce',
    'tail',
    'history',
    'run',
    'servers',
    'topics',
    'migrate',
    'dlq list',
    'dlq show',
    'dlq replay',
  ])('%s --help teaches by example', async (command) => {
    const { code, stdout } = await failing([...command.split(' '), '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain(`$ inorder ${command}`);
  });

  test('a bare inorder shows it, and says that nothing was done', async () => {
    const { code, lines } = await failing([]);
    expect(code).toBe(2);
    expect(lines[0]).toMatch(/^Usage: inorder/);
  });
});
