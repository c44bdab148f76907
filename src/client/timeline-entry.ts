/**
 * What a timeline needs to know of a delivery. The JSON of `im.delivery` has this shape, and so has what a
 * DeliveryConsumer hands over: an absent field and a null mean the same.
 */
export interface TimelineDelivery {
  readonly conversationId: string;
  /** Dense from 1 per conversation. */
  readonly seq: number;
  readonly msgId: string | bigint;
  readonly senderId: string;
  readonly clientMsgId: string;
  readonly senderSeq?: number | null;
  readonly senderEpoch?: number | null;
  /** The sender's clock, ms since 1970. */
  readonly sentAt: number;
  /** Whether the sender's order could not be kept. */
  readonly late?: boolean | null;
  readonly body?: unknown;
}

/** A sender's number together with its epoch. */
export interface NumberKey {
  readonly senderEpoch: number;
  readonly senderSeq: number;
}

/**
 * A delivery and its place. The place is a tuple of numbers, compared one after the other, so the order is total and
 * transitive whatever the deliveries hold. Most stand at their own `seq`; a late one that belongs before an earlier
 * message of its sender stands before that: at its `seq`, ahead of it.
 */
export class TimelineEntry<D extends TimelineDelivery> {
  readonly delivery: D;
  readonly seq: number;
  /** Null where the sender didn't number it. */
  readonly key: NumberKey | null;
  /** The `seq` where it stands: its own, or that of the message it stands before. */
  placeSeq: number;
  /** Orders those that stand before the same message: the `seq` at which the life that they belong to began, 0 for the first. */
  lifeSeq = 0;

  constructor(delivery: D) {
    this.delivery = delivery;
    this.seq = delivery.seq;
    const { senderSeq, senderEpoch } = delivery;
    this.key = senderSeq === undefined || senderSeq === null ? null : { senderEpoch: senderEpoch ?? 0, senderSeq };
    this.placeSeq = delivery.seq;
  }
}

export function comparePlaces<D extends TimelineDelivery>(a: TimelineEntry<D>, b: TimelineEntry<D>): number {
  if (a.placeSeq !== b.placeSeq) return a.placeSeq - b.placeSeq;
  // Of those with one place, the message at its own `seq` comes last.
  const aAtHome = a.seq === a.placeSeq;
  const bAtHome = b.seq === b.placeSeq;
  if (aAtHome || bAtHome) return Number(aAtHome) - Number(bAtHome);
  if (a.lifeSeq !== b.lifeSeq) return a.lifeSeq - b.lifeSeq;
  return compareKeys(a.key, b.key) || a.seq - b.seq;
}

/** An entry without a number has no key, and is never placed by one. */
export function compareKeys(a: NumberKey | null, b: NumberKey | null): number {
  if (a === null || b === null) return Number(b === null) - Number(a === null);
  return a.senderEpoch - b.senderEpoch || a.senderSeq - b.senderSeq;
}

/** The first index of a sorted array, from `low` on and below `high`, whose item `isAfter`; `high` where none is. */
export function firstIndex<T>(items: readonly T[], low: number, high: number, isAfter: (item: T) => boolean): number {
  let from = low;
  let to = high;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (isAfter(items[middle] as T)) to = middle;
    else from = middle + 1;
  }
  return from;
}
