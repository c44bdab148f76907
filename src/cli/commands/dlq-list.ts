import { connectKafka, openAdmin } from '../connect.js';
import { openContext } from '../context.js';
import {
  filterOf,
  matches,
  positionText,
  readDeadLetters,
  type FilterFlags,
  type LyingLetter,
} from '../dead-letters.js';
import { note, outputWidth, print, printJson } from '../output.js';
import { grouped } from '../progress.js';
import { withResources } from '../resources.js';
import { bytesInline } from '../safe-bytes.js';
import { tableLines } from '../table.js';
import { shortened } from '../terminal-text.js';

export interface ListOptions extends FilterFlags {
  readonly limit: number;
  readonly json?: boolean;
}

interface Line {
  readonly at: string;
  readonly atMs: number;
  readonly reason: string;
  readonly detail: string;
  readonly topic: string;
  readonly place: string;
  readonly key: string;
  readonly valueBytes: number | null;
  readonly value: string;
}

const SHOWN_CHARACTERS = 200;

/** Lists the newest that match, oldest first, and counts all that match. */
export async function listDeadLetters(options: ListOptions): Promise<void> {
  const filter = filterOf(options);
  const context = openContext('client');
  const newest = new Newest(options.limit);
  const counts = new Map<string, number>();
  await withResources(context.log, async (resources) => {
    const kafka = connectKafka(context, 'dlq');
    await readDeadLetters(context, { kafka, admin: openAdmin(kafka, resources) }, 'beginning', (letter) => {
      if (!matches(letter, filter)) return 'more';
      counts.set(letter.reason, (counts.get(letter.reason) ?? 0) + 1);
      newest.add(lineOf(letter));
      return 'more';
    });
  });
  const lines = newest.inOrder();
  if (options.json === true) {
    for (const { atMs, ...line } of lines) printJson({ ...line, refusedAt: new Date(atMs).toISOString() });
  } else show(lines, counts);
}

/** Keeps what is shown and no more: the record's buffers are not ours to keep, and there may be millions. */
function lineOf({ at, atMs, reason, detail, topic, place, record }: LyingLetter): Line {
  return {
    at: positionText(at),
    atMs,
    reason,
    detail,
    topic,
    place: positionText(place),
    key: bytesInline(record.key, SHOWN_CHARACTERS),
    valueBytes: record.value?.byteLength ?? null,
    value: bytesInline(record.value, SHOWN_CHARACTERS),
  };
}

/** The newest `limit` lines of any number, with memory for twice as many. */
class Newest {
  readonly #limit: number;
  #lines: Line[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(line: Line): void {
    this.#lines.push(line);
    if (this.#lines.length >= 2 * this.#limit) this.#lines = this.inOrder();
  }

  inOrder(): Line[] {
    return [...this.#lines].sort((a, b) => a.atMs - b.atMs).slice(-this.#limit);
  }
}

function show(lines: readonly Line[], counts: ReadonlyMap<string, number>): void {
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  if (total === 0) return note('no dead letters');
  const columns = [
    { title: 'place' },
    { title: 'refused at (UTC)' },
    { title: 'reason' },
    { title: 'from' },
    { title: 'detail' },
  ];
  const rows = lines.map(({ at, atMs, reason, topic, place, detail }) => [
    at,
    new Date(atMs).toISOString().slice(0, 19).replace('T', ' '),
    reason,
    `${topic} ${place}`,
    detail,
  ]);
  for (const line of tableLines(columns, rows)) print(shortened(line, outputWidth()));
  print('');
  const byCount = [...counts].sort(([, a], [, b]) => b - a).map(([reason, count]) => [reason, grouped(count)]);
  const summary = tableLines(
    [{ title: 'reason' }, { title: 'count', align: 'right' }],
    [...byCount, ['all', grouped(total)]],
  );
  for (const line of summary) print(line);
  if (lines.length < total) note(`(the newest ${lines.length} of ${grouped(total)}; --limit shows more)`);
}
