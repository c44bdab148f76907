/**
 * Rules 5 and 14, on what readers of the delivery topic wrote down of what they were handed.
 *
 * `reader-in-order` (14): inside an assignment a reader is handed a partition's records in offset order, and each
 * conversation without a gap: never one again, never one left out. Between assignments it may be handed again what it
 * had not committed.
 *
 * `readers-agree` (5): what a reader was handed between the first and the last offset of an assignment is what the topic
 * holds there, record by record; the readers of a group together leave nothing out between the first and the last that
 * any of them was handed; and once all is drained, to the end of each partition.
 *
 * Records are compared by sums of fingerprints, an assignment and partition at a time: memory grows with assignments,
 * and with readers times conversations.
 */
import type { Observation } from '../evidence.js';
import type { Findings } from '../findings.js';
import { mark } from '../fingerprint.js';
import type { Delivered } from '../so-far.js';

/** What a reader was handed of a partition in one assignment, and what the topic holds there. */
interface Stretch {
  readonly reader: string;
  readonly group: string;
  readonly assignment: number;
  readonly firstOffset: number;
  lastOffset: number;
  seenCount: number;
  seenSum: number;
  heldCount: number;
  heldSum: number;
}

interface ReaderSoFar {
  readonly stretches: Map<number, Stretch>;
  readonly conversations: Map<string, { assignment: number; seq: number }>;
}

interface GroupSoFar {
  firstOffset: number;
  lastOffset: number;
}

export class ReaderRules {
  readonly #findings: Findings;
  readonly #topic: string;
  readonly #readers = new Map<string, ReaderSoFar>();
  /** By partition. */
  readonly #stretches = new Map<number, Stretch[]>();
  readonly #groups = new Map<string, Map<number, GroupSoFar>>();
  /** The last delivery of each partition. */
  readonly #ends = new Map<number, number>();

  constructor(findings: Findings, topic: string) {
    this.#findings = findings;
    this.#topic = topic;
  }

  /** All observations come before the first delivery. */
  observe(seen: Observation): void {
    this.#findings.judged('reader-in-order', 1);
    const stretch = this.#stretchOf(seen);
    const { offset, partition, reader } = seen;
    if (stretch.seenCount > 0 && offset <= stretch.lastOffset) {
      this.#violation(
        seen,
        `${reader} was handed offset ${offset} of partition ${partition} after ${stretch.lastOffset}`,
      );
    }
    this.#judgeConversation(seen);
    stretch.lastOffset = Math.max(stretch.lastOffset, offset);
    stretch.seenCount += 1;
    stretch.seenSum = (stretch.seenSum + markOf(seen)) >>> 0;
    const group = this.#groupOf(seen);
    group.firstOffset = Math.min(group.firstOffset, offset);
    group.lastOffset = Math.max(group.lastOffset, offset);
  }

  deliver({ partition, offset, message }: Delivered): void {
    if (this.#readers.size === 0) return;
    this.#ends.set(partition, offset);
    const stretches = this.#stretches.get(partition) ?? [];
    const sum = markOf({ ...message, offset });
    const covering = new Set<string>();
    for (const stretch of stretches) {
      if (offset < stretch.firstOffset || offset > stretch.lastOffset) continue;
      stretch.heldCount += 1;
      stretch.heldSum = (stretch.heldSum + sum) >>> 0;
      covering.add(stretch.group);
    }
    for (const [name, partitions] of this.#groups) {
      const group = partitions.get(partition);
      if (group === undefined || covering.has(name) || offset < group.firstOffset || offset > group.lastOffset)
        continue;
      this.#findings.add(
        'readers-agree',
        `no reader of ${name} was handed offset ${offset} of partition ${partition}`,
        [
          {
            kind: 'record',
            topic: this.#topic,
            partition,
            offset,
            what: `seq ${message.seq} of ${message.conversationId}`,
          },
        ],
      );
    }
  }

  /** @param isComplete false where observations or deliveries ended early: what was not read was not left out. */
  finish(isDrained: boolean, isComplete: boolean): void {
    if (!isComplete) return;
    for (const [partition, stretches] of this.#stretches) {
      for (const stretch of stretches) this.#judgeStretch(partition, stretch);
    }
    if (!isDrained) return;
    for (const [name, partitions] of this.#groups) {
      for (const [partition, end] of this.#ends) {
        const seen = partitions.get(partition)?.lastOffset ?? -1;
        if (seen >= end) continue;
        this.#findings.add(
          'readers-agree',
          `${name} was handed partition ${partition} up to ${seen}, which ends with ${end}`,
          [
            {
              kind: 'record',
              topic: this.#topic,
              partition,
              offset: end,
              what: 'delivered, and handed to no reader of the group',
            },
          ],
        );
      }
    }
  }

  #judgeConversation(seen: Observation): void {
    const { reader, assignment, conversationId, seq } = seen;
    const { conversations } = this.#readerOf(reader);
    const last = conversations.get(conversationId);
    conversations.set(conversationId, { assignment, seq });
    if (last?.assignment !== assignment || seq === last.seq + 1) return;
    const verb = seq <= last.seq ? 'again after' : 'after';
    this.#violation(seen, `${reader} was handed seq ${seq} of ${conversationId} ${verb} ${last.seq}`);
  }

  #judgeStretch(partition: number, stretch: Stretch): void {
    this.#findings.judged('readers-agree', stretch.seenCount);
    const { reader, assignment, firstOffset, lastOffset, seenCount, heldCount } = stretch;
    if (seenCount === heldCount && stretch.seenSum === stretch.heldSum) return;
    const where = `offsets ${firstOffset} to ${lastOffset} of partition ${partition}`;
    const exhibit = { kind: 'observation', reader, what: `assignment ${assignment}, ${where}` } as const;
    if (seenCount < heldCount) {
      const sentence = `${reader} was handed ${seenCount} of the ${heldCount} records at ${where}`;
      this.#findings.add('reader-in-order', sentence, [exhibit]);
    } else {
      const sentence = `${reader} was handed ${seenCount} records at ${where} that are not the ${heldCount} the topic holds`;
      this.#findings.add('readers-agree', sentence, [exhibit]);
    }
  }

  #violation({ reader, assignment, partition, offset }: Observation, sentence: string): void {
    this.#findings.add('reader-in-order', sentence, [
      { kind: 'observation', reader, what: `assignment ${assignment}` },
      { kind: 'record', topic: this.#topic, partition, offset, what: 'handed out' },
    ]);
  }

  #readerOf(reader: string): ReaderSoFar {
    let found = this.#readers.get(reader);
    if (found === undefined) this.#readers.set(reader, (found = { stretches: new Map(), conversations: new Map() }));
    return found;
  }

  #stretchOf({ reader, group, assignment, partition, offset }: Observation): Stretch {
    const { stretches } = this.#readerOf(reader);
    const current = stretches.get(partition);
    if (current?.assignment === assignment) return current;
    const stretch = {
      ...{ reader, group, assignment, firstOffset: offset, lastOffset: offset },
      ...{ seenCount: 0, seenSum: 0, heldCount: 0, heldSum: 0 },
    };
    stretches.set(partition, stretch);
    const ofPartition = this.#stretches.get(partition);
    if (ofPartition === undefined) this.#stretches.set(partition, [stretch]);
    else ofPartition.push(stretch);
    return stretch;
  }

  #groupOf({ group, partition, offset }: Observation): GroupSoFar {
    let partitions = this.#groups.get(group);
    if (partitions === undefined) {
      partitions = new Map<number, GroupSoFar>();
      this.#groups.set(group, partitions);
    }
    let found = partitions.get(partition);
    if (found === undefined) partitions.set(partition, (found = { firstOffset: offset, lastOffset: offset }));
    return found;
  }
}

function markOf({
  offset,
  conversationId,
  seq,
  msgId,
}: Omit<Observation, 'reader' | 'group' | 'assignment' | 'partition'>): number {
  return mark(`${conversationId}\0${seq}\0${String(msgId)}`, offset);
}
