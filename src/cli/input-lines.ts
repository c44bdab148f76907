import { InorderError } from '../errors.js';

const LINE_FEED = 0x0a;

/**
 * The lines of a stream as bytes, without their line feed and otherwise untouched: what isn't UTF-8 stays what it is.
 * A last line may lack its line feed. @throws InorderError usage where a line is longer than `maxLineBytes`
 */
export async function* inputLines(input: AsyncIterable<Buffer>, maxLineBytes: number): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = [];
  let pendingBytes = 0;
  let lineNumber = 1;
  for await (const chunk of input) {
    let from = 0;
    for (let at = chunk.indexOf(LINE_FEED); at !== -1; at = chunk.indexOf(LINE_FEED, from)) {
      pieces.push(chunk.subarray(from, at));
      yield Buffer.concat(pieces);
      [pieces, pendingBytes, from] = [[], 0, at + 1];
      lineNumber += 1;
    }
    if (from === chunk.byteLength) continue;
    pieces.push(chunk.subarray(from));
    pendingBytes += chunk.byteLength - from;
    if (pendingBytes > maxLineBytes) {
      throw new InorderError(
        'usage',
        `line ${lineNumber} is longer than ${maxLineBytes} bytes: one envelope a line is expected`,
      );
    }
  }
  if (pendingBytes > 0) yield Buffer.concat(pieces);
}
