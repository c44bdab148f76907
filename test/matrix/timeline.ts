/** What was done to the system and when, for the report; each line is told to the person who waits as it happens. */
export interface TimelineEntry {
  /** From the begin. */
  readonly atMs: number;
  readonly kind: string;
  text: string;
  /** Null for what has no length, and for what did not end. */
  endMs: number | null;
}

export class Timeline {
  readonly entries: TimelineEntry[] = [];
  readonly #say: (line: string) => void;
  #beganMs = performance.now();

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  begin(): void {
    this.#beganMs = performance.now();
  }

  get nowMs(): number {
    return performance.now() - this.#beganMs;
  }

  /** Something that is no fault: a worker that ended by itself, a phase of the run. */
  note(text: string): void {
    this.#add('note', text);
  }

  /** What could not be done here, and why: said aloud, for a report must not look as if it had been done. */
  notDone(kind: string, why: string): void {
    this.#add('not done', `${kind}: ${why}`);
  }

  /** A fault begins; `entry.endMs` is set by `ended`. */
  fault(kind: string, text: string): TimelineEntry {
    return this.#add(kind, text);
  }

  ended(entry: TimelineEntry): void {
    entry.endMs = this.nowMs;
  }

  /** How many faults of each kind were done. */
  faultCounts(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { kind } of this.entries) {
      if (kind !== 'note' && kind !== 'not done') counts.set(kind, (counts.get(kind) ?? 0) + 1);
    }
    return counts;
  }

  #add(kind: string, text: string): TimelineEntry {
    const entry = { atMs: this.nowMs, kind, text, endMs: null };
    this.entries.push(entry);
    this.#say(lineOf(entry));
    return entry;
  }
}

export function lineOf({ atMs, kind, text, endMs }: TimelineEntry): string {
  const took = endMs === null ? '' : ` (${((endMs - atMs) / 1000).toFixed(1)} s)`;
  return `${(atMs / 1000).toFixed(1).padStart(7)} s  ${kind.padEnd(17)} ${text}${took}`;
}
