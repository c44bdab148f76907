/** Bytes that anybody may have sent, fit for a terminal. */
import { isUtf8 } from 'node:buffer';
import { visible } from './terminal-text.js';

const BYTES_PER_LINE = 16;

/** One line: text where it is text, else the first bytes in hex. `null` stays null. */
export function bytesInline(bytes: Buffer | null, maxCharacters: number): string {
  if (bytes === null) return '(null)';
  if (bytes.byteLength === 0) return '(empty)';
  // A cut inside a character must not make text look like bytes: judge the whole, show the start.
  if (isUtf8(bytes)) {
    const text = visible(
      bytes
        .subarray(0, 4 * maxCharacters)
        .toString('utf8')
        .replace(/\ufffd$/, ''),
    );
    return text.length > maxCharacters ? `${text.slice(0, maxCharacters - 1)}…` : text;
  }
  const shown = bytes.subarray(0, Math.max(1, Math.floor((maxCharacters - 16) / 2)));
  return `(not UTF-8) ${shown.toString('hex')}${shown.byteLength < bytes.byteLength ? '…' : ''}`;
}

/** Offset, hex and printable ASCII, sixteen bytes a line; at most `maxBytes` of them. */
export function hexdumpLines(bytes: Buffer, maxBytes: number): string[] {
  const lines: string[] = [];
  const end = Math.min(bytes.byteLength, maxBytes);
  for (let at = 0; at < end; at += BYTES_PER_LINE) {
    const row = bytes.subarray(at, Math.min(at + BYTES_PER_LINE, end));
    const hex = [...row].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const ascii = [...row].map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`${at.toString(16).padStart(8, '0')}  ${hex.padEnd(3 * BYTES_PER_LINE)} ${ascii}`);
  }
  if (end < bytes.byteLength) lines.push(`… ${bytes.byteLength - end} more bytes`);
  return lines;
}
