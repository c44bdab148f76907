import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileSequenceStore } from '../../src/client/node/file-sequence-store.js';
import { birthOf } from '../../src/files/process-facts.js';
import { NumberLedger } from '../support/number-ledger.js';
import { FailingDisk } from '../support/sequence-disk.js';

let folder: string;
let path: string;
const stores: FileSequenceStore[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'inorder-sequence-'));
  path = join(folder, 'alice.seq');
});

afterEach(async () => {
  for (const store of stores.splice(0)) await store.close().catch(() => undefined);
  rmSync(folder, { recursive: true, force: true });
});

async function open(options = {}): Promise<FileSequenceStore> {
  const store = await FileSequenceStore.open(path, options);
  stores.push(store);
  return store;
}

/** What kill -9 leaves: files as they are, and a lock whose owner is gone. */
async function openAfterCrash(options = {}): Promise<FileSequenceStore> {
  rmSync(`${path}.lock`, { force: true });
  return open(options);
}

describe('numbers', () => {
  test('grow across conversations, and name the one before in the same conversation', async () => {
    const store = await open();
    expect(store.opened).toEqual({ kind: 'fresh' });
    const { senderEpoch } = await store.next('a');
    expect(await store.next('b')).toEqual({ senderSeq: 2, prevSenderSeq: 0, senderEpoch });
    expect(await store.next('a')).toEqual({ senderSeq: 3, prevSenderSeq: 1, senderEpoch });
    expect(await store.next('b')).toEqual({ senderSeq: 4, prevSenderSeq: 2, senderEpoch });
  });

  test('go on without a hole after a close', async () => {
    const first = await open();
    const { senderEpoch } = await first.next('a');
    await first.close();
    const second = await open();
    expect(second.opened).toEqual({ kind: 'continued' });
    expect(await second.next('a')).toEqual({ senderSeq: 2, prevSenderSeq: 1, senderEpoch });
    await expect(first.next('a')).rejects.toThrow('is closed');
  });

  test('go on in the same epoch behind the reserved block after a crash, and still know the ones before', async () => {
    const first = await open({ blockSize: 10 });
    const { senderEpoch } = await first.next('a');
    await first.next('b');
    const second = await openAfterCrash({ blockSize: 10 });
    expect(second.opened).toEqual({ kind: 'continued' });
    expect(await second.next('b')).toEqual({ senderSeq: 11, prevSenderSeq: 2, senderEpoch });
    expect(await second.next('a')).toEqual({ senderSeq: 12, prevSenderSeq: 1, senderEpoch });
  });

  test('conversations may be named anything', async () => {
    const ids = ['group:a\nb', 'single:%25:"x"', '群组 😀', '1 "a" 00000000', '\ud800'];
    const first = await open();
    for (const id of ids) await first.next(id);
    const second = await openAfterCrash();
    for (const [index, id] of ids.entries()) expect((await second.next(id)).prevSenderSeq).toBe(index + 1);
    await expect(second.next('')).rejects.toThrow('1 to 2048 characters');
  });

  test('calls at the same time get numbers in the order of the calls', async () => {
    const store = await open({ blockSize: 3 });
    const all = await Promise.all(Array.from({ length: 20 }, () => store.next('a')));
    expect(all.map(({ senderSeq }) => senderSeq)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
  });
});

describe('the journal', () => {
  test('stays in proportion to the conversations, not to the messages, and is read back whole', async () => {
    const ledger = new NumberLedger();
    const store = await open();
    for (let i = 0; i < 4_000; i++) ledger.record(`c${i % 7}`, await store.next(`c${i % 7}`));
    expect(statSync(`${path}.conversations`).size).toBeLessThan(40_000);
    const next = await openAfterCrash();
    for (let i = 0; i < 7; i++) ledger.record(`c${i}`, await next.next(`c${i}`));
  });

  test('a number costs the same with a hundred times the conversations', async () => {
    const spend = async (store: FileSequenceStore, count: number, among: number): Promise<number> => {
      const begun = process.cpuUsage();
      for (let i = 0; i < count; i++) await store.next(`conversation ${i % among}`);
      const { user, system } = process.cpuUsage(begun);
      return (user + system) / count;
    };
    const store = await open();
    await spend(store, 1_000, 1_000);
    const few = await spend(store, 10_000, 1_000);
    await spend(store, 100_000, 100_000);
    const many = await spend(store, 10_000, 100_000);
    expect(many / few).toBeLessThan(10);
  });
});

describe('one owner', () => {
  test('a second store on the file is refused, and the first one goes on', async () => {
    const store = await open();
    await expect(FileSequenceStore.open(path)).rejects.toMatchObject({
      code: 'sequence_store_busy',
      message: `the sequence file ${path} is already open in this process`,
    });
    expect((await store.next('a')).senderSeq).toBe(1);
    await store.close();
    expect(readdirSync(folder).sort()).toEqual(['alice.seq', 'alice.seq.conversations']);
  });

  test('a store of another living process is named; what a dead one left is taken over', async () => {
    writeFileSync(`${path}.lock`, JSON.stringify({ pid: process.ppid, birth: birthOf(process.ppid) }));
    await expect(FileSequenceStore.open(path)).rejects.toThrow(`already open in process ${process.ppid}`);
    writeFileSync(`${path}.lock`, JSON.stringify({ pid: process.ppid, birth: 'another process of that pid' }));
    writeFileSync(`${path}.lock.2147483647.abc`, 'left by one that was killed while it took the lock');
    await open();
    expect(readdirSync(folder).sort()).toEqual(['alice.seq', 'alice.seq.conversations', 'alice.seq.lock']);
  });

  test('two that the lock could not tell apart hand out no number twice: the first ends at its next block', async () => {
    const ledger = new NumberLedger();
    const first = await open({ blockSize: 3 });
    const second = await openAfterCrash({ blockSize: 3 });
    const handed = [await first.next('a'), await first.next('a'), await first.next('a'), await second.next('a')];
    await expect(first.next('a')).rejects.toThrow('was changed or removed by somebody else');
    await expect(first.next('a')).rejects.toThrow('failed before');
    handed.push(await second.next('a'));
    for (const numbers of handed) ledger.record(String(ledger.count), { ...numbers, prevSenderSeq: 0 });
  });
});

describe('damage', () => {
  const FILES = ['', '.conversations'] as const;

  /** A life of two blocks, ended by a crash. @returns its last number and epoch */
  async function live(): Promise<{ senderSeq: number; senderEpoch: number }> {
    const store = await openAfterCrash({ blockSize: 4 });
    for (const id of ['a', 'b', 'a', 'c', 'b']) await store.next(id);
    return store.next('a');
  }

  /** However it looks on disk now: nothing is ever handed out that was handed out before. */
  async function expectNoNumberTwice(before: { senderSeq: number; senderEpoch: number }): Promise<FileSequenceStore> {
    const store = await openAfterCrash({ blockSize: 4 });
    const after = await store.next('a');
    if (after.senderEpoch === before.senderEpoch) expect(after.senderSeq).toBeGreaterThan(before.senderSeq);
    else expect(after).toMatchObject({ senderSeq: 1, prevSenderSeq: 0 });
    expect(after.senderEpoch).toBeGreaterThanOrEqual(before.senderEpoch);
    expect(store.opened.kind === 'continued').toBe(after.senderEpoch === before.senderEpoch);
    await store.close();
    return store;
  }

  test.each(FILES)('a file%s cut anywhere: a new epoch, or no number twice', async (suffix) => {
    await live();
    const whole = readFileSync(path + suffix);
    for (let length = 0; length < whole.length; length++) {
      const before = await live();
      const text = readFileSync(path + suffix);
      writeFileSync(path + suffix, text.subarray(0, Math.min(length, text.length - 1)));
      await expectNoNumberTwice(before);
    }
  });

  test.each(FILES)('a file%s with any one byte overwritten: a new epoch', async (suffix) => {
    await live();
    const { length } = readFileSync(path + suffix);
    for (let at = 0; at < length; at++) {
      const before = await live();
      const text = readFileSync(path + suffix);
      const place = Math.min(at, text.length - 1);
      text[place] = text[place]! ^ 1;
      writeFileSync(path + suffix, text);
      const { opened } = await expectNoNumberTwice(before);
      expect(opened.kind).toBe('recovered');
    }
  });

  test.each([
    ['garbage', () => writeFileSync(path, Buffer.from([0xff, 0x00, 0x0a, 0x80])), /cut or was overwritten/],
    ['too large', () => writeFileSync(path, 'x'.repeat(100_000)), /cut or was overwritten/],
    ['emptied', () => writeFileSync(path, ''), /is empty/],
    ['deleted', () => rmSync(path), /missing, though its conversations file is there/],
    ['without its conversations', () => rmSync(`${path}.conversations`), /conversations file is missing/],
    [
      'zeroed at the end of its conversations',
      () => writeFileSync(`${path}.conversations`, '\0\0\0', { flag: 'a' }),
      /overwritten at line/,
    ],
  ])('a file that is %s: a new epoch, and the reason said', async (_what, damage, reason) => {
    const before = await live();
    damage();
    const { opened } = await expectNoNumberTwice(before);
    expect(opened).toMatchObject({ kind: 'recovered', reason: expect.stringMatching(reason) });
  });

  test('an older copy of the file, put back beside newer conversations: a new epoch', async () => {
    await live();
    const copy = readFileSync(path);
    await live();
    const before = await live();
    writeFileSync(path, copy);
    const { opened } = await expectNoNumberTwice(before);
    expect(opened).toMatchObject({ kind: 'recovered' });
  });

  test('both files deleted: the new epoch is above the old one', async () => {
    const before = await live();
    rmSync(path);
    rmSync(`${path}.conversations`);
    expect((await expectNoNumberTwice(before)).opened).toEqual({ kind: 'fresh' });
  });

  test('a damaged file is kept beside', async () => {
    await live();
    writeFileSync(path, 'garbage');
    await openAfterCrash();
    expect(readFileSync(`${path}.damaged`, 'utf8')).toBe('garbage');
  });
});

describe('a disk that fails', () => {
  test('at any operation: a clear error, no number, and the next call goes on where it was', async () => {
    const trial = new FailingDisk();
    const run = await openAfterCrash({ blockSize: 2, disk: trial });
    for (let i = 0; i < 5; i++) await run.next('a');
    const operations = trial.operationCount;
    expect(operations).toBeGreaterThan(15);
    for (let failAt = 0; failAt < operations; failAt++) {
      rmSync(folder, { recursive: true });
      mkdirSync(folder);
      const ledger = new NumberLedger();
      const disk = new FailingDisk();
      disk.operationsLeft = failAt;
      let store: FileSequenceStore | null = null;
      let failures = 0;
      for (let i = 0; i < 5;) {
        try {
          store ??= await open({ blockSize: 2, disk });
          ledger.record('a', await store.next('a'));
          i += 1;
        } catch (error) {
          expect(error).toMatchObject({
            code: 'sequence_store_failed',
            message: expect.stringMatching(/ENOSPC/),
          });
          failures += 1;
          disk.operationsLeft = Number.POSITIVE_INFINITY;
        }
      }
      expect(failures).toBe(1);
      await store?.close();
      ledger.record('a', await (await open()).next('a'));
    }
  });

  test('a folder that may not be written: a clear error, and nothing left behind', async () => {
    await (await open()).close();
    chmodSync(folder, 0o555);
    const asWhoever = process.getuid?.() === 0 ? 65_534 : null;
    if (asWhoever !== null) process.seteuid?.(asWhoever);
    try {
      await expect(FileSequenceStore.open(path)).rejects.toMatchObject({
        code: 'sequence_store_failed',
        message: expect.stringMatching(/could not lock the sequence file .*EACCES/),
      });
    } finally {
      if (asWhoever !== null) process.seteuid?.(0);
      chmodSync(folder, 0o755);
    }
    expect(existsSync(`${path}.lock`)).toBe(false);
  });

  test('a folder that is not there, a path that is a folder, and no path at all: each is named', async () => {
    await expect(FileSequenceStore.open(join(folder, 'gone', 'x'))).rejects.toThrow(/gone.*ENOENT/);
    await expect(FileSequenceStore.open(folder)).rejects.toThrow(/could not open the sequence file .*EISDIR/);
    rmSync(`${folder}.lock`, { force: true });
    await expect(FileSequenceStore.open('')).rejects.toThrow('the path of a sequence file is empty');
    await expect(FileSequenceStore.open(path, { blockSize: 0 })).rejects.toThrow('blockSize is 0');
  });
});
