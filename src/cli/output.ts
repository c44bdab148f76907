/**
 * Where commands write: data to standard output, everything said about it to standard error. A reader that went away
 * (`| head`) is no failure: nothing more is written, and `outputClosed` tells those who go on for long.
 */
const closed = new AbortController();

/** Aborts when nobody reads standard output any more. */
export const outputClosed: AbortSignal = closed.signal;

/** Call once, first: after it a closed pipe is an event, not a crash. */
export function watchOutput(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
    closed.abort();
  });
  // Without standard error there is nobody left to tell; the work itself goes on.
  process.stderr.on('error', () => undefined);
}

/** A line of data. */
export function print(line: string): void {
  if (!outputClosed.aborted) process.stdout.write(`${line}\n`);
}

/** Bytes of data, one record a line: a line break inside JSON is white space, so a blank says the same. */
export function printJsonBytes(json: Buffer): void {
  if (!outputClosed.aborted) process.stdout.write(Buffer.concat([oneLine(json), NEWLINE]));
}

const NEWLINE = Buffer.from('\n');
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BLANK = 0x20;

/** JSON without line breaks. In JSON they occur between tokens only: inside a string they are escaped. */
export function oneLine(json: Buffer): Buffer {
  if (!json.includes(LINE_FEED) && !json.includes(CARRIAGE_RETURN)) return json;
  return Buffer.from(json.map((byte) => (byte === LINE_FEED || byte === CARRIAGE_RETURN ? BLANK : byte)));
}

/** A value as one line of JSON; bigints as decimal strings. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, (_name, one: unknown) => (typeof one === 'bigint' ? one.toString() : one)));
}

/** A line about the work, for a person. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Columns of the terminal, or what suits a file. */
export function outputWidth(): number {
  return process.stdout.isTTY ? process.stdout.columns : WIDTH_OF_A_FILE;
}

const WIDTH_OF_A_FILE = 160;
