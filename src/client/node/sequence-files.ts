/**
 * The two files of a sequence store, as text. Each line ends in its checksum, so that what was cut or overwritten shows.
 *
 * `<path>`: epoch and reservation, one line, replaced whole. This alone keeps numbers from being handed out twice.
 * `<path>.conversations`: the epoch, then a line a number handed out: which conversation got it. Appended to; the last
 * line of a conversation counts.
 */
import { crc32 } from 'node:zlib';

const SEQUENCE = 'inorder-sequence 1';
const CONVERSATIONS = 'inorder-conversations 1';

export interface Reservation {
  readonly senderEpoch: number;
  /** Numbers up to this one may have been handed out. */
  readonly reservedTo: number;
}

export type ReadReservation =
  | ({ readonly kind: 'sound' } & Reservation)
  | { readonly kind: 'absent' }
  | { readonly kind: 'broken'; readonly reason: string };

export type ReadConversations =
  | {
      readonly kind: 'sound';
      readonly senderEpoch: number;
      /** Last number by conversation. */
      readonly previous: Map<string, number>;
      readonly lineCount: number;
      readonly byteCount: number;
    }
  | { readonly kind: 'absent' }
  /** `senderEpoch` where at least that could be read. */
  | { readonly kind: 'broken'; readonly reason: string; readonly senderEpoch: number | null };

export function renderReservation({ senderEpoch, reservedTo }: Reservation): string {
  return checked(`${SEQUENCE} ${senderEpoch} ${reservedTo}`);
}

export function renderConversations(senderEpoch: number, previous: ReadonlyMap<string, number>): string {
  const lines = [...previous].map(([conversationId, senderSeq]) => conversationLine(senderSeq, conversationId));
  return checked(`${CONVERSATIONS} ${senderEpoch}`) + lines.join('');
}

export function conversationLine(senderSeq: number, conversationId: string): string {
  return checked(`${senderSeq} ${JSON.stringify(conversationId)}`);
}

/** @param text null where there is no file */
export function readReservation(text: string | null): ReadReservation {
  if (text === null) return { kind: 'absent' };
  const [line, ...rest] = linesOf(text);
  const content = line === undefined || rest.length > 0 ? null : unchecked(line);
  const [, epoch, reserved] = /^inorder-sequence 1 (\d{1,16}) (\d{1,16})$/.exec(content ?? '') ?? [];
  const [senderEpoch, reservedTo] = [Number(epoch), Number(reserved)];
  if (Number.isSafeInteger(senderEpoch) && Number.isSafeInteger(reservedTo)) {
    return { kind: 'sound', senderEpoch, reservedTo };
  }
  return { kind: 'broken', reason: text === '' ? 'the file is empty' : 'the file is cut or was overwritten' };
}

/** @param text null where there is no file */
export function readConversations(text: string | null): ReadConversations {
  if (text === null) return { kind: 'absent' };
  const [first = '', ...lines] = linesOf(text);
  const [, epoch] = /^inorder-conversations 1 (\d{1,16})$/.exec(unchecked(first) ?? '') ?? [];
  const senderEpoch = Number(epoch);
  const broken = (reason: string): ReadConversations => ({
    kind: 'broken',
    reason: `the conversations file ${reason}`,
    senderEpoch: Number.isSafeInteger(senderEpoch) ? senderEpoch : null,
  });
  if (!Number.isSafeInteger(senderEpoch)) return broken('has no sound beginning');
  const previous = new Map<string, number>();
  for (const [index, line] of lines.entries()) {
    const entry = conversationOf(line);
    if (entry === null) return broken(`is cut or was overwritten at line ${index + 2}`);
    // Compaction puts the last numbers of conversations that were quiet since before those of busier ones.
    previous.set(entry.conversationId, Math.max(entry.senderSeq, previous.get(entry.conversationId) ?? 0));
  }
  const byteCount = Buffer.byteLength(text);
  return { kind: 'sound', senderEpoch, previous, lineCount: lines.length, byteCount };
}

function conversationOf(line: string): { senderSeq: number; conversationId: string } | null {
  const [, number, id] = /^(\d{1,16}) (".*")$/s.exec(unchecked(line) ?? '') ?? [];
  const senderSeq = Number(number);
  if (id === undefined || !Number.isSafeInteger(senderSeq)) return null;
  try {
    return { senderSeq, conversationId: JSON.parse(id) as string };
  } catch {
    return null;
  }
}

/** The lines with their line feeds; a last one without is one that was cut. */
function linesOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

function checked(content: string): string {
  return `${content} ${checksum(content)}\n`;
}

/** @returns what was checked, or null where it isn't what was written. */
function unchecked(line: string): string | null {
  const [, content, sum] = /^(.*) ([0-9a-f]{8})\n$/s.exec(line) ?? [];
  return content !== undefined && checksum(content) === sum ? content : null;
}

function checksum(content: string): string {
  return crc32(content).toString(16).padStart(8, '0');
}
