import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileSequenceStore } from '../../src/client/node/file-sequence-store.js';
import { NumberLedger } from '../support/number-ledger.js';
import { FailingDisk } from '../support/sequence-disk.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'inorder-sequence-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Event =
  | { readonly kind: 'next'; readonly conversation: number }
  | { readonly kind: 'close' | 'crash' }
  /** The disk takes so many operations more, then none for one call. */
  | { readonly kind: 'fill'; readonly operations: number }
  | { readonly kind: 'damage'; readonly file: '' | '.conversations'; readonly how: 'delete' | 'cut' | 'overwrite' };

const events: fc.Arbitrary<Event[]> = fc.array(
  fc.oneof(
    { weight: 12, arbitrary: fc.record({ kind: fc.constant('next' as const), conversation: fc.nat({ max: 4 }) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('close' as const, 'crash' as const) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('fill' as const), operations: fc.nat({ max: 8 }) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('damage' as const),
        file: fc.constantFrom('' as const, '.conversations' as const),
        how: fc.constantFrom('delete' as const, 'cut' as const, 'overwrite' as const),
      }),
    },
  ),
  { minLength: 10, maxLength: 80 },
);

/** One sender through all of its lives, in a file of its own. */
class World {
  readonly ledger = new NumberLedger();
  readonly opened = new Set<string>();
  failures = 0;
  readonly #path: string;
  readonly #blockSize: number;
  #disk = new FailingDisk();
  #store: FileSequenceStore | null = null;

  constructor(path: string, blockSize: number) {
    this.#path = path;
    this.#blockSize = blockSize;
  }

  async happen(event: Event): Promise<void> {
    switch (event.kind) {
      case 'next':
        return this.#next(`group:${event.conversation}`);
      case 'fill':
        this.#disk.operationsLeft = event.operations;
        return;
      case 'close':
        return this.#close();
      case 'crash':
        return this.#crash();
      case 'damage':
        this.#crash();
        return this.#damage(this.#path + event.file, event.how);
    }
  }

  async #next(conversationId: string): Promise<void> {
    try {
      this.#store ??= await this.#open();
      this.ledger.record(conversationId, await this.#store.next(conversationId));
    } catch (error) {
      expect(error).toMatchObject({ code: 'sequence_store_failed' });
      this.failures += 1;
      this.#disk.operationsLeft = Number.POSITIVE_INFINITY;
      // Where it says so, it must be opened anew.
      if ((error as Error).message.includes('open it again')) this.#crash();
    }
  }

  async #open(): Promise<FileSequenceStore> {
    const store = await FileSequenceStore.open(this.#path, { blockSize: this.#blockSize, disk: this.#disk });
    this.opened.add(store.opened.kind);
    return store;
  }

  async #close(): Promise<void> {
    await this.#store?.close().catch(() => (this.failures += 1));
    this.#store = null;
  }

  /** Files stay as they are; the lock's owner is gone. */
  #crash(): void {
    this.#store = null;
    this.#disk = new FailingDisk();
    rmSync(`${this.#path}.lock`, { force: true });
  }

  #damage(file: string, how: 'delete' | 'cut' | 'overwrite'): void {
    if (!existsSync(file)) return;
    const bytes = readFileSync(file);
    if (how === 'delete') rmSync(file);
    else writeFileSync(file, how === 'cut' ? bytes.subarray(0, -1) : bytes.fill(0x20, bytes.length - 3));
  }

  async end(): Promise<void> {
    await this.#close();
    rmSync(`${this.#path}.lock`, { force: true });
  }
}

test('whatever the disk and the process go through, no number comes twice or decreases, and each names the one before', async () => {
  const opened = new Set<string>();
  let failures = 0;
  let run = 0;
  await fc.assert(
    fc.asyncProperty(events, fc.integer({ min: 1, max: 5 }), async (all, blockSize) => {
      const world = new World(join(folder, `run-${run++}`), blockSize);
      for (const event of all) await world.happen(event);
      await world.end();
      for (const kind of world.opened) opened.add(kind);
      failures += world.failures;
    }),
    { numRuns: 40 },
  );
  expect([...opened].sort()).toEqual(['continued', 'fresh', 'recovered']);
  expect(failures).toBeGreaterThan(10);
});
