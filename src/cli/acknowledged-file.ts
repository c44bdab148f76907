import { appendFileSync, closeSync, openSync } from 'node:fs';
import { InorderError, messageOf } from '../errors.js';
import type { WrittenRange } from '../kafka/send-groups.js';

/** Lines that are put together before they are written. */
const LINES_A_WRITE = 1_000;

/**
 * A file of places, `{"partition":0,"offset":12}` a line, to which `produce` appends what was acknowledged and which
 * `check --acknowledged` holds against the topic. Nothing waits in memory: what a killed process had written is what
 * was acknowledged to it until then. Several processes may append to one file: a write is whole lines.
 */
export class AcknowledgedFile {
  readonly #path: string;
  readonly #file: number;

  private constructor(path: string, file: number) {
    this.#path = path;
    this.#file = file;
  }

  /** @throws InorderError usage where it can't be written */
  static open(path: string): AcknowledgedFile {
    return new AcknowledgedFile(
      path,
      writing(path, () => openSync(path, 'a')),
    );
  }

  /** @throws InorderError usage where it can't be written any more */
  add({ partition, firstOffset, count }: WrittenRange): void {
    for (let at = 0; at < count; at += LINES_A_WRITE) {
      const length = Math.min(LINES_A_WRITE, count - at);
      const lines = Array.from({ length }, (_, n) => `{"partition":${partition},"offset":${firstOffset + at + n}}\n`);
      writing(this.#path, () => appendFileSync(this.#file, lines.join('')));
    }
  }

  close(): void {
    closeSync(this.#file);
  }
}

function writing<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new InorderError('usage', `--acknowledged ${path} can't be written: ${messageOf(error)}`, { cause: error });
  }
}
