import type { ReadConversations, ReadReservation } from './sequence-files.js';

/** Numbers above it are left: a store that lives for a thousand years must not run out in the middle of it. */
const LAST_OPENED_SEQ = Number.MAX_SAFE_INTEGER - 2 ** 40;

/** How a store began its life. */
export type Opened =
  /** There were no files. */
  | { readonly kind: 'fresh' }
  /** The same epoch goes on, also after a crash. */
  | { readonly kind: 'continued' }
  /** The files were lost or damaged, wholly or in part: a new epoch. `reason` is a sentence's end for people. */
  | { readonly kind: 'recovered'; readonly reason: string };

export interface Opening {
  readonly opened: Opened;
  readonly senderEpoch: number;
  /** Numbers up to this one are behind us. */
  readonly lastSeq: number;
  readonly previous: Map<string, number>;
}

/**
 * Where a store goes on. The epoch goes on only where both files are whole and fit each other; any doubt begins a new
 * one, in which every number is free again and the first of each conversation has none before it.
 *
 * A new epoch is the time, or one above what can still be read, whichever is larger: where all files are lost it is
 * above the old one as long as the clock isn't set back behind the old one's beginning.
 *
 * @param nowMs wall clock, ms since 1970
 */
export function judgeOpening(reservation: ReadReservation, conversations: ReadConversations, nowMs: number): Opening {
  const newEpoch = (opened: Opened): Opening => ({
    opened,
    senderEpoch: Math.max(nowMs, 1 + lastEpoch(reservation, conversations)),
    lastSeq: 0,
    previous: new Map(),
  });
  if (reservation.kind === 'absent' && conversations.kind === 'absent') return newEpoch({ kind: 'fresh' });
  const reason = doubt(reservation, conversations);
  if (reason !== null || reservation.kind !== 'sound' || conversations.kind !== 'sound') {
    return newEpoch({ kind: 'recovered', reason: reason ?? 'the files do not belong together' });
  }
  return {
    opened: { kind: 'continued' },
    senderEpoch: reservation.senderEpoch,
    lastSeq: reservation.reservedTo,
    previous: conversations.previous,
  };
}

function doubt(reservation: ReadReservation, conversations: ReadConversations): string | null {
  if (reservation.kind === 'broken') return reservation.reason;
  if (reservation.kind === 'absent') return 'the file is missing, though its conversations file is there';
  if (conversations.kind === 'absent') return 'the conversations file is missing';
  if (conversations.kind === 'broken') return conversations.reason;
  if (conversations.senderEpoch !== reservation.senderEpoch) return 'the two files are of different epochs';
  if (reservation.reservedTo > LAST_OPENED_SEQ) return 'the numbers of the epoch are used up';
  // The numbers in use were always reserved before: what names a higher one is newer than the reservation.
  for (const senderSeq of conversations.previous.values()) {
    if (senderSeq > reservation.reservedTo) return 'the file is older than its conversations file';
  }
  return null;
}

function lastEpoch(reservation: ReadReservation, conversations: ReadConversations): number {
  const here = reservation.kind === 'sound' ? reservation.senderEpoch : -1;
  const there = conversations.kind === 'absent' ? -1 : (conversations.senderEpoch ?? -1);
  return Math.max(here, there);
}
