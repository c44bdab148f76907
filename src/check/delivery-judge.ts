/**
 * Judges the delivery topic record by record, as it lies there: everything that needs no table. The same for a history
 * that is read to its end and for a topic that is watched.
 */
import type { DeliveryRecord, Stamped } from './evidence.js';
import type { Findings } from './findings.js';
import { EpochNeverFalls } from './rules/epoch-never-falls.js';
import { msgIdGrows } from './rules/msg-id-grows.js';
import type { DeliveryRule } from './rules/rule.js';
import { judgeDensity, MOST_OPEN_GAPS, reportGap, sweepGaps } from './rules/seq-dense.js';
import { seqOrder } from './rules/seq-order.js';
import { advanceSender, senderOrder } from './rules/sender-order.js';
import { StampImmutable } from './rules/stamp-immutable.js';
import { stampsUnique } from './rules/stamps-unique.js';
import {
  advance,
  SoFar,
  stepOf,
  type ConversationSoFar,
  type Delivered,
  type PartitionSoFar,
  type Step,
} from './so-far.js';

const DELIVERY_RULES: readonly DeliveryRule[] = [stampsUnique, seqOrder, senderOrder, msgIdGrows];

export interface DeliveryJudgeSetting {
  readonly findings: Findings;
  readonly topic: string;
  readonly truncated: ReadonlySet<number>;
  /** Without aborted copies rule stamp-immutable is left to the rows. */
  readonly hasAbortedCopies: boolean;
  /** Told of every delivery that readers see; `placesOff`: how far it was from its turn, negative after it. */
  readonly onDelivered?: ((record: Delivered, isRepeat: boolean, placesOff: number) => void) | undefined;
}

export class DeliveryJudge {
  readonly soFar: SoFar;
  readonly #setting: DeliveryJudgeSetting;
  readonly #epochs = new EpochNeverFalls();
  readonly #copies: StampImmutable | null;
  readonly #step: Step = { isRepeat: false, sender: undefined, isIdAbove: true };
  deliveredCount = 0;
  abortedCount = 0;

  constructor(setting: DeliveryJudgeSetting) {
    this.#setting = setting;
    this.soFar = new SoFar(setting.truncated);
    this.#copies = setting.hasAbortedCopies ? new StampImmutable(setting.topic) : null;
  }

  /** How many epochs were seen: without one, the rule was not judged. */
  get epochCount(): number {
    return this.#epochs.judged;
  }

  judge(record: DeliveryRecord): void {
    const { findings, topic } = this.#setting;
    const { message, partition, offset } = record;
    const fallen = this.#epochs.judge(record);
    if (fallen !== null) {
      findings.add('epoch-never-falls', fallen.sentence, [
        { kind: 'record', topic, partition, offset: fallen.highestAt, what: 'a newer owner wrote' },
        { kind: 'record', topic, partition, offset, what: `epoch ${String(record.laneEpoch)} (${record.outcome})` },
      ]);
    }
    if (record.outcome !== 'committed') this.abortedCount += 1;
    if (message === null) {
      if (record.outcome === 'committed') this.#unreadable(record);
      return;
    }
    this.#copies?.judge(record as DeliveryRecord & { message: Stamped }, findings);
    if (record.outcome === 'committed') this.#deliver(record as Delivered);
  }

  /** To be called every few seconds where the topic is watched: what has not come since the call before is missing. */
  sweep(): void {
    sweepGaps(this.soFar, this.#setting.findings, this.#setting.topic);
  }

  /** To be called once, after the last record. */
  finish(): void {
    const { findings, topic } = this.#setting;
    judgeDensity(this.soFar, findings, topic);
    for (const rule of ['stamps-unique', 'seq-dense', 'seq-order', 'sender-order', 'msg-id-grows'] as const) {
      findings.judged(rule, this.deliveredCount);
    }
    findings.judged('epoch-never-falls', this.#epochs.judged);
    if (this.#copies !== null) {
      this.#copies.finish(findings);
      findings.judged('stamp-immutable', this.#copies.judged);
    }
  }

  #deliver(record: Delivered): void {
    const { message, partition, offset } = record;
    this.deliveredCount += 1;
    const ofPartition = this.soFar.partition(partition);
    const conversation = this.soFar.conversation(message.conversationId, partition);
    const step = this.#step;
    stepOf(record, conversation, ofPartition, step);
    const isFirst = conversation.lastSeq === 0 && ofPartition.isTruncated;
    const placesOff = isFirst ? 0 : message.seq - conversation.lastSeq - 1;
    for (const rule of DELIVERY_RULES) {
      const sentence = rule.judge(record, conversation, ofPartition, step);
      if (sentence !== null) this.#report(rule, sentence, record, conversation, ofPartition);
    }
    if (!step.isRepeat) advanceSender(conversation, step, message, offset);
    advance(record, conversation, ofPartition, step);
    if (conversation.gaps.length > 0) this.#boundGaps(conversation);
    this.#setting.onDelivered?.(record, step.isRepeat, placesOff);
  }

  #report(
    { name }: DeliveryRule,
    sentence: string,
    { partition, offset, message }: Delivered,
    conversation: ConversationSoFar,
    ofPartition: PartitionSoFar,
  ): void {
    const { findings, topic } = this.#setting;
    const isAlongPartition = name === 'msg-id-grows';
    const before = isAlongPartition ? ofPartition.lastOffset : conversation.lastOffset;
    const earlier = {
      kind: 'record',
      topic,
      partition: conversation.partition,
      offset: before,
      what: isAlongPartition ? 'before it in the partition' : `seq ${conversation.lastSeq} of the conversation`,
    } as const;
    const what = `seq ${message.seq}, msgId ${String(message.msgId)}`;
    const here = { kind: 'record', topic, partition, offset, what } as const;
    findings.add(name, sentence, before < 0 ? [here] : [earlier, here]);
  }

  #boundGaps(conversation: ConversationSoFar): void {
    if (conversation.gaps.length <= MOST_OPEN_GAPS) return;
    const gap = conversation.gaps.shift();
    if (gap !== undefined) reportGap(conversation, gap, this.#setting.findings, this.#setting.topic);
  }

  #unreadable({ partition, offset, fault }: DeliveryRecord): void {
    const { findings, topic } = this.#setting;
    const why = fault ?? 'it is no delivery';
    findings.add('payload-unchanged', `the record at ${partition}:${offset} of ${topic} is no delivery: ${why}`, [
      { kind: 'record', topic, partition, offset, what: why },
    ]);
  }
}
