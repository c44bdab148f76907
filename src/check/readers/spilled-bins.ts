import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BIN_COUNT, ENTRY_WORDS, type Bins } from '../bins.js';

const SEGMENT_WORDS = 1_024 * ENTRY_WORDS;

/**
 * Bins of which all but the last piece of each lie in one temporary file: 7 MB of memory, and 56 bytes of disk a message,
 * however many there are.
 */
export class SpilledBins implements Bins {
  readonly #folder: string;
  readonly #file: number;
  readonly #pieces = Array.from({ length: BIN_COUNT }, () => new Uint32Array(SEGMENT_WORDS));
  readonly #lengths = new Uint32Array(BIN_COUNT);
  /** Where the full pieces of each bin lie in the file, in bytes. */
  readonly #segments: number[][] = Array.from({ length: BIN_COUNT }, () => []);
  #end = 0;
  #isClosed = false;

  constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), 'inorder-check-'));
    this.#file = openSync(join(this.#folder, 'bins'), 'w+');
  }

  add(bin: number, entry: Uint32Array): void {
    const piece = this.#pieces[bin] as Uint32Array;
    const at = this.#lengths[bin] as number;
    for (let i = 0; i < ENTRY_WORDS; i++) piece[at + i] = entry[i] as number;
    this.#lengths[bin] = at + ENTRY_WORDS;
    if (at + ENTRY_WORDS < SEGMENT_WORDS) return;
    writeSync(this.#file, piece, 0, piece.byteLength, this.#end);
    this.#segments[bin]?.push(this.#end);
    this.#end += piece.byteLength;
    this.#lengths[bin] = 0;
  }

  take(bin: number): Uint32Array {
    const segments = this.#segments[bin] ?? [];
    const rest = (this.#pieces[bin] as Uint32Array).subarray(0, this.#lengths[bin]);
    const words = new Uint32Array(segments.length * SEGMENT_WORDS + rest.length);
    segments.forEach((from, index) => {
      const target = words.subarray(index * SEGMENT_WORDS, (index + 1) * SEGMENT_WORDS);
      readSync(this.#file, target, 0, target.byteLength, from);
    });
    words.set(rest, segments.length * SEGMENT_WORDS);
    this.#segments[bin] = [];
    this.#lengths[bin] = 0;
    return words;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    closeSync(this.#file);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
