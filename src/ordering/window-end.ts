/**
 * When a window ends. A message that is held at a lane was appended to `im.ingest` at a moment that the broker wrote
 * down, and so were those it waits for; between the broker and the lane a stage may stall. So a deadline that has come
 * is not enough: what was appended within the window must have had its chance to get here.
 *
 * - A record of the same ingest partition that was appended after the window *tells* that it is over: everything before
 *   it has come, since one sender's records keep their order on the way. The window ends before that record is judged.
 * - Records that come after the deadline and were appended within the window show that the partition is behind: it is
 *   waited for.
 * - Where nothing comes, a stage that stalls can't be told from senders that rest. After a time of silence the window is
 *   over, once the lane has read everything that was in its log then.
 *
 * Broker times only ever make a window longer than its deadline, and never by more than MAX_BEHIND_MS: a broker whose
 * clock is wrong can't let anything out early or hold it for ever.
 */
import type { HeldMessage } from './held.js';
import type { ReorderRules } from './options.js';

/** How far an ingest partition has come, as its last record told. */
export interface IngestTime {
  /** Broker time of the record, ms since 1970 UTC. */
  readonly receivedAt: number;
  /** When the lane had it, on the monotonic clock of this reign. */
  readonly heardMs: number;
}

/** Nothing waits longer than this beyond its deadline, however far behind its partition is. */
export const MAX_BEHIND_MS = 30_000;

/** Whether the partition has come beyond the window of this message: what could be in time is here. */
export function isTold(message: HeldMessage, reached: IngestTime | undefined, { windowMs }: ReorderRules): boolean {
  return windowMs === 0 || (reached !== undefined && reached.receivedAt > message.receivedAt + windowMs);
}

/** When the window is over if nothing more comes, on the monotonic clock of this reign. */
export function windowEndMs(message: HeldMessage, reached: IngestTime | undefined, rules: ReorderRules): number {
  const { dueMs } = message;
  if (isTold(message, reached, rules)) return dueMs;
  const silentSinceMs = Math.max(dueMs, reached?.heardMs ?? dueMs);
  return Math.min(silentSinceMs + rules.silenceMs, dueMs + Math.max(MAX_BEHIND_MS, rules.silenceMs));
}
