import { constants, createReadStream } from 'node:fs';
import { access } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { InorderError, messageOf } from '../../errors.js';

const LINES_A_BATCH = 1_000;

/**
 * The lines of a file, made into something, as a stream; empty ones are passed over.
 * @param make gets the line and its number, from 1.
 * @throws InorderError usage where the file can't be read
 */
export async function* linesAs<T>(path: string, make: (line: string, number: number) => T): AsyncGenerator<T[]> {
  const input = createReadStream(path, { encoding: 'utf8', highWaterMark: 1_048_576 });
  const failures: Error[] = [];
  input.on('error', (error) => failures.push(error));
  let batch: T[] = [];
  let number = 0;
  try {
    for await (const line of createInterface({ input, crlfDelay: Infinity })) {
      number += 1;
      if (line.trim() === '') continue;
      batch.push(make(line, number));
      if (batch.length < LINES_A_BATCH) continue;
      yield batch;
      batch = [];
    }
  } catch (error) {
    throw failures.length > 0 ? unreadable(path, failures[0]) : error;
  } finally {
    input.destroy();
  }
  // A lost read may end the lines as their end does.
  if (failures.length > 0) throw unreadable(path, failures[0]);
  if (batch.length > 0) yield batch;
}

/** Before the work, not in the middle of it. @throws InorderError usage where the file can't be read */
export async function refuseUnreadable(path: string): Promise<void> {
  try {
    await access(path, constants.R_OK);
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, cause: unknown): InorderError {
  return new InorderError('usage', `${path} can't be read: ${messageOf(cause)}`, { cause });
}
