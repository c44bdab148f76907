import { InorderError } from '../../errors.js';
import { DEAD_LETTER_REASONS } from '../../protocol/reasons.js';
import type { RecordHeaders } from '../../record.js';
import { connectKafka, openAdmin } from '../connect.js';
import { openContext } from '../context.js';
import { positionText, readDeadLetters, samePosition, type LyingLetter, type Position } from '../dead-letters.js';
import { print, printJson } from '../output.js';
import { withResources } from '../resources.js';
import { bytesInline, hexdumpLines } from '../safe-bytes.js';
import { visible } from '../terminal-text.js';
import { isUtf8 } from 'node:buffer';

export interface ShowOptions {
  readonly place?: Position;
  readonly json?: boolean;
}

const SHOWN_BYTES = 65_536;
const HEXDUMP_BYTES = 1_024;
const HEADER_CHARACTERS = 200;

/** Shows one dead letter. @throws InorderError usage where there is none at that place */
export async function showDeadLetter(at: Position | undefined, { place, json }: ShowOptions): Promise<void> {
  const wanted = at ?? place;
  if (wanted === undefined || (at !== undefined && place !== undefined)) {
    throw new InorderError('usage', 'which one? give its place (inorder dlq list shows it), or --place');
  }
  const context = openContext('client');
  const found = { isThere: false };
  await withResources(context.log, async (resources) => {
    const kafka = connectKafka(context, 'dlq');
    const admin = openAdmin(kafka, resources);
    await readDeadLetters(context, { kafka, admin }, at ?? 'beginning', (letter) => {
      // By place in the ingest topic the whole dead letter topic is read, which may hold a repeat after a crash.
      const isIt = samePosition(wanted, at === undefined ? letter.place : letter.at);
      if (!isIt) return at === undefined ? 'more' : 'enough';
      found.isThere = true;
      if (json === true) printJson(jsonOf(letter));
      else show(letter);
      return 'enough';
    });
  });
  if (found.isThere) return;
  const where = at === undefined ? `from ${context.settings.topics.ingest}` : `in ${context.settings.topics.dlq}`;
  throw new InorderError('usage', `there is no dead letter ${where} at ${positionText(wanted)}`);
}

function show({ at, atMs, reason, detail, topic, place, record }: LyingLetter): void {
  const meaning = Object.hasOwn(DEAD_LETTER_REASONS, reason)
    ? DEAD_LETTER_REASONS[reason as keyof typeof DEAD_LETTER_REASONS]
    : '';
  print(`place      ${positionText(at)}`);
  print(`refused at ${new Date(atMs).toISOString()}`);
  print(`reason     ${visible(reason)}${meaning === '' ? '' : `: ${meaning}`}`);
  print(`detail     ${visible(detail)}`);
  print(`from       ${visible(topic)}, partition ${place.partition}, offset ${place.offset}`);
  print(`key        ${bytesInline(record.key, SHOWN_BYTES)}`);
  for (const [name, value] of headerPairs(record.headers)) {
    print(`header     ${visible(name)}: ${bytesInline(value, HEADER_CHARACTERS)}`);
  }
  print(`value      ${record.value === null ? '(null)' : `${record.value.byteLength} bytes`}`);
  if (record.value === null || record.value.byteLength === 0) return;
  print('');
  const { value } = record;
  if (isUtf8(value)) print(bytesInline(value, SHOWN_BYTES));
  else for (const line of hexdumpLines(value, HEXDUMP_BYTES)) print(line);
}

function headerPairs(headers: RecordHeaders): [string, Buffer][] {
  return Object.entries(headers).flatMap(([name, value]) =>
    (Buffer.isBuffer(value) ? [value] : (value as readonly Buffer[])).map((one): [string, Buffer] => [name, one]),
  );
}

function jsonOf({ at, atMs, reason, detail, topic, place, record }: LyingLetter): unknown {
  const { key, value, headers } = record;
  return {
    at: positionText(at),
    refusedAt: new Date(atMs).toISOString(),
    reason,
    detail,
    topic,
    place: positionText(place),
    key: bytesOf(key),
    value: bytesOf(value),
    headers: headerPairs(headers).map(([name, one]) => ({ name, ...bytesOf(one) })),
  };
}

/** Bytes for a machine: always base64, and as text where they are text. */
function bytesOf(bytes: Buffer | null): { base64: string; text?: string } | null {
  if (bytes === null) return null;
  const base64 = bytes.toString('base64');
  return isUtf8(bytes) ? { base64, text: bytes.toString('utf8') } : { base64 };
}
