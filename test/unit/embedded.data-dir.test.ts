import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDataDir, recall, remember, type DataDir } from '../../src/embedded/data-dir.js';
import { lockDataDir } from '../../src/embedded/data-dir-lock.js';
import { birthOf } from '../../src/files/process-facts.js';

let dataDir: DataDir;

beforeEach(() => {
  dataDir = openDataDir(mkdtempSync(join(tmpdir(), 'inorder-dir-')));
});

afterEach(() => rmSync(dataDir.root, { recursive: true }));

test("a second owner is refused and told the first one's process", () => {
  lockDataDir(dataDir);
  expect(() => lockDataDir(dataDir)).toThrow(`already run by process ${process.pid}`);
});

test('given back, it can be taken again; nothing is left beside it', () => {
  lockDataDir(dataDir)();
  expect(readdirSync(dataDir.root)).toEqual([]);
  lockDataDir(dataDir);
  expect(readdirSync(dataDir.root)).toEqual(['servers.lock']);
});

test.each([
  ['of a process that is gone', JSON.stringify({ pid: 2 ** 22 + 1, birth: '1' })],
  ['of a former process of a pid that lives', JSON.stringify({ pid: process.ppid, birth: '1' })],
  ['that nobody understands', 'hello'],
  ['of nothing', ''],
])('a lock %s holds nobody off', (_whose, text) => {
  writeFileSync(dataDir.lockPath, text);
  lockDataDir(dataDir);
  expect(readdirSync(dataDir.root)).toEqual(['servers.lock']);
});

test('a lock of another living process holds', () => {
  writeFileSync(dataDir.lockPath, JSON.stringify({ pid: process.ppid, birth: birthOf(process.ppid) }));
  expect(() => lockDataDir(dataDir)).toThrow(`process ${process.ppid}`);
});

test("giving back does not take another's lock away", () => {
  const release = lockDataDir(dataDir);
  writeFileSync(dataDir.lockPath, JSON.stringify({ pid: process.ppid, birth: birthOf(process.ppid) }));
  release();
  expect(existsSync(dataDir.lockPath)).toBe(true);
});

test('ports and pids are remembered', () => {
  remember(dataDir, { ports: { kafka: 9092, controller: 20_001 }, pids: { postgres: 12 } });
  expect(recall(dataDir)).toEqual({ ports: { kafka: 9092, controller: 20_001 }, pids: { postgres: 12 } });
});

test.each(['', 'null', '{"ports":null,"pids":[]}', '{"ports":{"kafka":"9092"},"pids":{"kafka":-1}}'])(
  'a damaged memory %j is no memory',
  (text) => {
    writeFileSync(join(dataDir.root, 'servers.json'), text);
    expect(recall(dataDir)).toEqual({ ports: {}, pids: {} });
  },
);

test.each(['a,b', 'a:b'])('a path that Kafka would split is refused: %s', (name) => {
  expect(() => openDataDir(join(dataDir.root, name))).toThrow('without comma and colon');
});

test('a folder that cannot be made is named', () => {
  writeFileSync(join(dataDir.root, 'file'), '');
  expect(() => openDataDir(join(dataDir.root, 'file', 'dir'))).toThrow(/the data dir .*file\/dir can't be used/);
});
