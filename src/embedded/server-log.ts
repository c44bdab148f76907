/** A server's own log file: the last run's is kept beside it, older ones are not. */
import { closeSync, existsSync, openSync, readFileSync, renameSync } from 'node:fs';

const TAIL_LINES = 15;
const MAX_LINE_LENGTH = 400;

/** A new, empty log. @returns its descriptor, to be closed once the server has it. */
export function openServerLog(path: string): { fd: number; close(): void } {
  if (existsSync(path)) renameSync(path, `${path}.1`);
  const fd = openSync(path, 'a', 0o644);
  return { fd, close: () => closeSync(fd) };
}

export function readServerLog(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** The last lines, indented, for an error that a person reads. */
export function tailOf(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const last = lines.slice(-TAIL_LINES).map((line) => `  ${line.slice(0, MAX_LINE_LENGTH)}`);
  return last.length === 0 ? '  (nothing)' : last.join('\n');
}
