/**
 * What a group's handlers were called with, judged as it happens: in an assignment each conversation without a gap, one
 * call at a time, nothing before all that comes before it was dealt with; nothing committed that was not; and at rest
 * everything dealt with. A handler that failed for good, or a record that nobody can read, is dealt with by its dead letter.
 */
import { deliveryIn } from '../../src/check/readers/record-texts.js';
import type { Delivery } from '../../src/protocol/delivery.js';
import { headerOf, type KafkaRecord } from '../../src/record.js';
import type { MemoryKafka } from './memory-kafka.js';
import type { MemoryPostgres } from './memory-postgres.js';
import { DLQ_PARTITIONS, LOGIC_PARTITIONS, TOPICS } from './sim-servers.js';

interface Placed {
  readonly conversationId: string;
  readonly seq: number;
}

export class HandlerJudge {
  readonly broken: string[] = [];
  readonly #kafka: MemoryKafka;
  readonly #postgres: MemoryPostgres;
  readonly #handled = new Set<string>();
  readonly #givenUp = new Set<string>();
  readonly #running = new Set<string>();
  /** By assignment, which its signal is, how far each conversation came. */
  readonly #assignments = new WeakMap<AbortSignal, Map<string, number>>();
  /** What records say, so that each is read once. */
  readonly #read = new WeakMap<KafkaRecord, Placed>();
  callCount = 0;

  constructor(kafka: MemoryKafka, postgres: MemoryPostgres) {
    this.#kafka = kafka;
    this.#postgres = postgres;
  }

  /** @param signal the assignment's */
  called(reader: string, delivery: Delivery, signal: AbortSignal): void {
    this.callCount += 1;
    const { conversationId, seq, msgId, clientMsgId } = delivery;
    const name = nameOf(delivery);
    const stored = this.#postgres.messageAt(conversationId, seq);
    if (stored?.msgId !== msgId || stored.clientMsgId !== clientMsgId) {
      this.broken.push(`${reader} was handed ${name} as msgId ${msgId}, stored is ${String(stored?.msgId)}`);
    }
    if (this.#running.has(`${reader} ${conversationId}`)) {
      this.broken.push(`${reader} was handed ${name} while it handled another of its conversation`);
    }
    this.#running.add(`${reader} ${conversationId}`);
    const lasts = this.#assignments.get(signal) ?? new Map<string, number>();
    this.#assignments.set(signal, lasts);
    const last = lasts.get(conversationId);
    lasts.set(conversationId, seq);
    if (last !== undefined && seq !== last && seq !== last + 1) {
      this.broken.push(`${reader} was handed ${name} after ${last} in one assignment`);
    }
    if (last !== undefined) return;
    for (let before = 1; before < seq; before++) {
      if (this.#isDealtWith({ conversationId, seq: before })) continue;
      this.broken.push(`${reader} was handed ${name} although ${before} was not dealt with`);
    }
  }

  ended(reader: string, delivery: Delivery, outcome: 'handled' | 'failed' | 'failed for good'): void {
    this.#running.delete(`${reader} ${delivery.conversationId}`);
    if (outcome === 'handled') this.#handled.add(nameOf(delivery));
    if (outcome === 'failed for good') this.#givenUp.add(nameOf(delivery));
  }

  /** Before it is taken. */
  committed(partition: number, nextOffset: number): void {
    for (const { offset, isDamaged, message } of this.#deliveriesOf(partition)) {
      if (offset >= nextOffset || isDamaged || this.#isDealtWith(message)) continue;
      this.broken.push(`${nextOffset} of partition ${partition} is committed, ${nameOf(message)} is not dealt with`);
    }
  }

  /** What no handler has handled and no dead letter speaks of. */
  undone(): string[] {
    const letters = this.#letters();
    const undone: string[] = [];
    for (let partition = 0; partition < LOGIC_PARTITIONS; partition++) {
      for (const { offset, isDamaged, message } of this.#deliveriesOf(partition)) {
        const name = nameOf(message);
        const isDone = isDamaged ? letters.has(`${partition}/${offset}`) : this.#handled.has(name) || letters.has(name);
        if (!isDone) undone.push(`${name}${isDamaged ? ', damaged,' : ''} is neither handled nor dead-lettered`);
      }
    }
    return undone;
  }

  /** Nobody tells a reader of a damaged record whose it was. */
  #isDealtWith({ conversationId, seq }: Placed): boolean {
    const name = nameOf({ conversationId, seq });
    if (this.#handled.has(name) || this.#givenUp.has(name)) return true;
    for (let partition = 0; partition < LOGIC_PARTITIONS; partition++) {
      for (const { isDamaged, message } of this.#deliveriesOf(partition)) {
        if (isDamaged && nameOf(message) === name) return true;
      }
    }
    return false;
  }

  #deliveriesOf(partition: number) {
    return this.#kafka.log(TOPICS.delivery, partition).flatMap(({ record, transaction, isDamaged }) => {
      if (record === null || transaction?.outcome !== 'committed') return [];
      const message = this.#read.get(record) ?? deliveryIn(record, 'committed', null).message;
      if (message === null) return [];
      this.#read.set(record, message);
      return [{ offset: record.offset, isDamaged, message }];
    });
  }

  /** Of handlers by the message, of damaged records by their place. */
  #letters(): ReadonlySet<string> {
    const names = new Set<string>();
    for (let p = 0; p < DLQ_PARTITIONS; p++) {
      for (const { record } of this.#kafka.log(TOPICS.dlq, p)) {
        if (record === null) continue;
        const text = (header: string): string => String(headerOf(record.headers, `inorder-dlq-${header}`));
        if (text('reason') === 'invalid_delivery_record') names.add(`${text('partition')}/${text('offset')}`);
        if (text('reason') !== 'handler_failed') continue;
        const { message } = deliveryIn(record, 'committed', null);
        if (message !== null) names.add(nameOf(message));
      }
    }
    return names;
  }
}

function nameOf({ conversationId, seq }: Placed): string {
  return `${conversationId}/${seq}`;
}
