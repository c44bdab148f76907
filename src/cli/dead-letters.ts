/** Dead letters as the `dlq` commands see them: read from `im.dlq`, chosen, and named by where they lie there. */
import { InorderError } from '../errors.js';
import { parseDeadLetter, type DeadLetter } from '../protocol/dead-letter.js';
import { DEAD_LETTER_REASONS } from '../protocol/reasons.js';
import type { KafkaAdmin } from '../kafka/admin.js';
import type { KafkaConnection } from '../kafka/connection.js';
import type { CommandContext } from './context.js';
import { note, outputClosed } from './output.js';
import { grouped, Progress } from './progress.js';
import { readTopic, type TopicRead, type Verdict } from './topic-reader.js';

export interface Position {
  readonly partition: number;
  readonly offset: number;
}

/** A dead letter and its own place in the dead letter topic. */
export interface LyingLetter extends DeadLetter {
  readonly at: Position;
}

export interface LetterFilter {
  readonly reasons: ReadonlySet<string> | null;
  readonly sinceMs: number | null;
  /** Of the original record, in `im.ingest`. */
  readonly place: Position | null;
}

export interface FilterFlags {
  readonly reason?: readonly string[];
  readonly since?: number;
  readonly place?: Position;
}

/** @throws InorderError usage where a reason is none there is */
export function filterOf({ reason, since, place }: FilterFlags): LetterFilter {
  const unknown = reason?.find((one) => !Object.hasOwn(DEAD_LETTER_REASONS, one));
  if (unknown !== undefined) {
    throw new InorderError(
      'usage',
      `${unknown} is no reason; there are ${Object.keys(DEAD_LETTER_REASONS).join(', ')}`,
    );
  }
  return { reasons: reason === undefined ? null : new Set(reason), sinceMs: since ?? null, place: place ?? null };
}

export function matches(letter: LyingLetter, { reasons, sinceMs, place }: LetterFilter): boolean {
  if (reasons !== null && !reasons.has(letter.reason)) return false;
  if (sinceMs !== null && letter.atMs < sinceMs) return false;
  return place === null || samePosition(place, letter.place);
}

export function samePosition(a: Position, b: Position): boolean {
  return a.partition === b.partition && a.offset === b.offset;
}

/** `3:1207`, as lists show it. */
export function positionText({ partition, offset }: Position): string {
  return `${partition}:${offset}`;
}

export interface LetterServers {
  readonly kafka: KafkaConnection;
  readonly admin: KafkaAdmin;
}

/**
 * Reads the dead letters that are there now, from the beginning or from one place on. Records that are no dead letters
 * are counted and left out.
 */
export async function readDeadLetters(
  { settings, log }: CommandContext,
  { kafka, admin }: LetterServers,
  from: TopicRead['from'],
  onLetter: (letter: LyingLetter) => Verdict | Promise<Verdict>,
): Promise<void> {
  const progress = new Progress();
  let readCount = 0;
  let strangerCount = 0;
  await readTopic({
    kafka,
    admin,
    topic: settings.topics.dlq,
    purpose: 'dlq',
    from,
    until: 'end',
    stop: outputClosed,
    sessionTimeoutMs: settings.sessionTimeoutMs,
    heartbeatIntervalMs: settings.heartbeatIntervalMs,
    log,
    onRecord: (record) => {
      readCount += 1;
      progress.update(() => `${grouped(readCount)} dead letters read`);
      const letter = parseDeadLetter(record);
      if (letter !== null) return onLetter({ ...letter, at: { partition: record.partition, offset: record.offset } });
      strangerCount += 1;
      return 'more';
    },
  });
  progress.end();
  if (strangerCount > 0) note(`(${strangerCount} records in ${settings.topics.dlq} were not written by inorder)`);
}
