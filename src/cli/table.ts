import { displayWidth, padEnd, padStart, visible } from './terminal-text.js';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

const BETWEEN = '  ';

/** Rows as lines whose columns line up, with a head; no line ends in blanks. */
export function tableLines(columns: readonly Column[], rows: readonly (readonly (string | number)[])[]): string[] {
  const cells = rows.map((row) => columns.map((_, index) => visible(String(row[index] ?? ''))));
  const widths = columns.map(({ title }, index) =>
    Math.max(displayWidth(title), ...cells.map((row) => displayWidth(row[index] ?? ''))),
  );
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, index) => (columns[index]?.align === 'right' ? padStart : padEnd)(text, widths[index] ?? 0))
      .join(BETWEEN)
      .trimEnd();
  return [line(columns.map(({ title }) => title)), ...cells.map(line)];
}
