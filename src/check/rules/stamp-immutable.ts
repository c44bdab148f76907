/**
 * Rule 9. Every copy of a message carries the same stamp (`seq`, `msgId`, `receivedAt`, `stampedAt`, `late`): those of
 * aborted transactions, which readers of everything see, those that are delivered, and the row. A `msgId` that a copy
 * showed is never given to another message.
 *
 * An aborted copy is remembered until its message is delivered, and a delivered one for the next 1,000 of its
 * partition: the copies of a message lie as near to each other as the takeover that made them. Copies whose message was
 * never delivered in what was read leave the answer unknown.
 */
import { shown, stampDifference } from '../difference.js';
import type { DeliveryRecord, Stamped } from '../evidence.js';
import type { Findings } from '../findings.js';

const MOST_DELIVERED = 1_000;
const MOST_ABORTED = 100_000;

/** A delivery record that is one. */
interface Copy extends DeliveryRecord {
  readonly message: Stamped;
}

interface CopiesOfPartition {
  readonly aborted: Map<string, Copy>;
  /** `msgId` to identity, of aborted copies. */
  readonly abortedIds: Map<string, string>;
  /** The last ones, as a ring: aborted copies are rare, so that they are looked for one by one. */
  readonly delivered: Copy[];
  deliveredAt: number;
}

export class StampImmutable {
  readonly #topic: string;
  readonly #partitions = new Map<number, CopiesOfPartition>();
  #wasBounded = false;
  judged = 0;

  constructor(topic: string) {
    this.#topic = topic;
  }

  judge(copy: Copy, findings: Findings): void {
    this.judged += 1;
    const { message } = copy;
    const copies = this.#copiesOf(copy.partition);
    const isDelivered = copy.outcome === 'committed';
    if (!isDelivered || copies.aborted.size > 0) {
      const identity = identityOf(message);
      const earlier = copies.aborted.get(identity) ?? (isDelivered ? undefined : deliveredCopy(copies, message));
      if (earlier !== undefined) this.#compare(earlier, copy, findings);
      this.#judgeId(copies, identity, copy, findings);
      if (isDelivered) forget(copies, identity);
      else this.#keepAborted(copies, identity, copy);
    }
    if (!isDelivered) return;
    copies.delivered[copies.deliveredAt] = copy;
    copies.deliveredAt = (copies.deliveredAt + 1) % MOST_DELIVERED;
  }

  /** What must be said of the copies that nothing followed. */
  finish(findings: Findings): void {
    let left = 0;
    for (const { aborted } of this.#partitions.values()) left += aborted.size;
    if (left > 0) {
      findings.unknown('stamp-immutable', `${left} messages were seen in aborted transactions only, so far`);
    }
    if (this.#wasBounded) {
      const most = `more than ${MOST_ABORTED} aborted copies waited for their message`;
      findings.unknown('stamp-immutable', `${most}; the oldest were not compared`);
    }
  }

  #compare(earlier: Copy, copy: Copy, findings: Findings): void {
    const field = stampDifference(earlier.message, copy.message);
    if (field === null) return;
    const { conversationId, senderId, clientMsgId } = copy.message;
    const change = `${field} ${shown(earlier.message[field])} became ${shown(copy.message[field])}`;
    const sentence = `the stamp of message ${clientMsgId} of ${senderId} in ${conversationId} changed: ${change}`;
    findings.add('stamp-immutable', sentence, [this.#exhibit(earlier), this.#exhibit(copy)]);
  }

  #judgeId({ abortedIds, aborted }: CopiesOfPartition, identity: string, copy: Copy, findings: Findings): void {
    const { msgId } = copy.message;
    if (msgId === null) return;
    const owner = abortedIds.get(msgId);
    if (owner === undefined || owner === identity) return;
    const earlier = aborted.get(owner);
    if (earlier === undefined) return;
    const sentence = `msgId ${msgId}, shown for message ${earlier.message.clientMsgId}, was given to ${copy.message.clientMsgId}`;
    findings.add('stamp-immutable', sentence, [this.#exhibit(earlier), this.#exhibit(copy)]);
  }

  #keepAborted({ aborted, abortedIds }: CopiesOfPartition, identity: string, copy: Copy): void {
    if (aborted.size >= MOST_ABORTED) {
      const [[oldest, { message }] = ['', copy]] = aborted;
      aborted.delete(oldest);
      if (message.msgId !== null) abortedIds.delete(message.msgId);
      this.#wasBounded = true;
    }
    aborted.set(identity, copy);
    if (copy.message.msgId !== null) abortedIds.set(copy.message.msgId, identity);
  }

  #copiesOf(partition: number): CopiesOfPartition {
    let copies = this.#partitions.get(partition);
    if (copies === undefined) {
      copies = { aborted: new Map(), abortedIds: new Map(), delivered: [], deliveredAt: 0 };
      this.#partitions.set(partition, copies);
    }
    return copies;
  }

  #exhibit({ partition, offset, outcome, message: { seq, msgId } }: Copy) {
    const what = `${outcome}: seq ${seq}, msgId ${String(msgId)}`;
    return { kind: 'record', topic: this.#topic, partition, offset, what } as const;
  }
}

function deliveredCopy(
  { delivered }: CopiesOfPartition,
  { clientMsgId, senderId, conversationId }: Stamped,
): Copy | undefined {
  return delivered.find(
    ({ message }) =>
      message.clientMsgId === clientMsgId && message.senderId === senderId && message.conversationId === conversationId,
  );
}

function forget({ aborted, abortedIds }: CopiesOfPartition, identity: string): void {
  const msgId = aborted.get(identity)?.message.msgId ?? null;
  aborted.delete(identity);
  if (msgId !== null) abortedIds.delete(msgId);
}

/** U+0000 can't occur in an id. */
function identityOf({ conversationId, senderId, clientMsgId }: Stamped): string {
  return `${conversationId}\0${senderId}\0${clientMsgId}`;
}
