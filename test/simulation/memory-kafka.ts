/** Logs, transactions and committed offsets in memory, as a broker keeps them. Each operation is atomic. */
import type { UndecodableBatch } from '../../src/kafka/read-records.js';
import type { KafkaRecord, OutgoingRecord } from '../../src/record.js';

export type KafkaFlaw = 'none' | 'no-producer-fence' | 'no-sequence-numbers';

export interface Transaction {
  readonly number: number;
  outcome: 'open' | 'committed' | 'aborted';
}

export interface LogEntry {
  /** Null: the marker that ends a transaction. */
  readonly record: KafkaRecord | null;
  readonly transaction: Transaction | null;
  /** Its batch can't be read: a fetch hands out its bytes. */
  readonly isDamaged: boolean;
}

/** What a fetch brought: at most as much as was asked for, and where the next one begins. */
export interface Fetched {
  readonly records: KafkaRecord[];
  readonly undecodable: UndecodableBatch[];
  readonly next: number;
}

export interface CommittedOffset {
  readonly nextOffset: number;
  readonly metadata: string | null;
}

interface Coordinator {
  epoch: number;
  /** What the producer's next record is numbered with; it begins with 0 in each epoch. */
  nextSequence: number;
  open: Transaction | null;
  /** Partitions that the open transaction wrote to. */
  written: Set<LogEntry[]>;
}

export type TransactionAnswer = 'done' | 'fenced';
export type ProduceAnswer = TransactionAnswer | 'out-of-order';

export class MemoryKafka {
  readonly #logs = new Map<string, LogEntry[]>();
  readonly #coordinators = new Map<string, Coordinator>();
  readonly #committed = new Map<string, CommittedOffset>();
  /** What a fetch of a committed offset may still be answered, until the producer that wrote it is fenced. */
  readonly #former = new Map<string, CommittedOffset | null>();
  #transactions = 0;
  #lastAppendMs = 0;
  /** Told of every append, so that readers wake. */
  onAppend: (topic: string, partition: number) => void = () => undefined;
  /** Asked of every record whether it is damaged in the log. */
  isDamaged: (topic: string) => boolean = () => false;

  constructor(
    private readonly nowMs: () => number,
    private readonly flaw: KafkaFlaw = 'none',
  ) {}

  /** When something was last written anywhere. */
  get lastAppendMs(): number {
    return this.#lastAppendMs;
  }

  log(topic: string, partition: number): readonly LogEntry[] {
    return this.#log(topic, partition);
  }

  endOffset(topic: string, partition: number): number {
    return this.#log(topic, partition).length;
  }

  append(records: readonly OutgoingRecord[], transaction: Transaction | null = null): void {
    this.#lastAppendMs = this.nowMs();
    for (const { topic, partition, key, value, headers } of records) {
      const log = this.#log(topic, partition);
      const place = { topic, partition, offset: log.length, timestampMs: this.nowMs() };
      log.push({ record: { ...place, key, value, headers }, transaction, isDamaged: this.isDamaged(topic) });
    }
    for (const { topic, partition } of records) this.onAppend(topic, partition);
  }

  /** Where readers of what is committed must stop: at the first transaction that is open. */
  stableOffset(topic: string, partition: number): number {
    const log = this.#log(topic, partition);
    const open = log.findIndex(({ transaction }) => transaction?.outcome === 'open');
    return open < 0 ? log.length : open;
  }

  /** A read_committed fetch of at most `maxRecords`. */
  fetch(topic: string, partition: number, from: number, maxRecords: number): Fetched {
    const log = this.#log(topic, partition);
    const end = this.stableOffset(topic, partition);
    const records: KafkaRecord[] = [];
    const undecodable: UndecodableBatch[] = [];
    let next = from;
    for (; next < end && records.length + undecodable.length < maxRecords; next++) {
      const { record = null, transaction, isDamaged } = log[next] ?? {};
      if (record === null || transaction?.outcome === 'aborted') continue;
      if (isDamaged === true) undecodable.push(asUndecodable(record));
      else records.push(record);
    }
    return { records, undecodable, next };
  }

  commit(group: string, topic: string, partition: number, nextOffset: number): void {
    this.#committed.set(`${group} ${topic} ${partition}`, { nextOffset, metadata: null });
  }

  committed(group: string, topic: string, partition: number): CommittedOffset | null {
    return this.#committed.get(`${group} ${topic} ${partition}`) ?? null;
  }

  /** As `committed`, or the value before it where the transaction that moved it has only just ended. */
  committedOrFormer(group: string, topic: string, partition: number, preferFormer: boolean): CommittedOffset | null {
    const key = `${group} ${topic} ${partition}`;
    const former = preferFormer ? this.#former.get(key) : undefined;
    return former === undefined ? (this.#committed.get(key) ?? null) : former;
  }

  /** InitProducerId: fences the former producer of this id, and aborts what it left open. */
  initProducer(transactionalId: string): number {
    const coordinator = this.#coordinator(transactionalId);
    this.#end(coordinator, 'aborted');
    coordinator.epoch += 1;
    coordinator.nextSequence = 0;
    this.#former.clear();
    return coordinator.epoch;
  }

  /** @param sequence the number of the first record; what was numbered so before is acknowledged, and not written again */
  produce(transactionalId: string, epoch: number, records: readonly OutgoingRecord[], sequence: number): ProduceAnswer {
    const coordinator = this.#coordinator(transactionalId);
    if (this.#isFenced(coordinator, epoch)) return 'fenced';
    if (this.flaw !== 'no-sequence-numbers') {
      if (sequence < coordinator.nextSequence) return 'done';
      if (sequence > coordinator.nextSequence) return 'out-of-order';
    }
    coordinator.nextSequence = sequence + records.length;
    coordinator.open ??= { number: this.#transactions++, outcome: 'open' };
    for (const { topic, partition } of records) coordinator.written.add(this.#log(topic, partition));
    this.append(records, coordinator.open);
    return 'done';
  }

  endTransaction(
    transactionalId: string,
    epoch: number,
    position: { group: string; topic: string; partition: number } & CommittedOffset,
  ): TransactionAnswer {
    const coordinator = this.#coordinator(transactionalId);
    if (this.#isFenced(coordinator, epoch)) return 'fenced';
    this.#end(coordinator, 'committed');
    const key = `${position.group} ${position.topic} ${position.partition}`;
    this.#former.set(key, this.#committed.get(key) ?? null);
    this.#committed.set(key, { nextOffset: position.nextOffset, metadata: position.metadata });
    return 'done';
  }

  /** Ends every transaction that is open, as the broker does with those that take too long. */
  timeOutTransactions(): void {
    for (const coordinator of this.#coordinators.values()) {
      if (coordinator.open === null) continue;
      this.#end(coordinator, 'aborted');
      coordinator.epoch += 1;
    }
  }

  #isFenced(coordinator: Coordinator, epoch: number): boolean {
    return coordinator.epoch !== epoch && this.flaw !== 'no-producer-fence';
  }

  #end(coordinator: Coordinator, outcome: 'committed' | 'aborted'): void {
    if (coordinator.open === null) return;
    coordinator.open.outcome = outcome;
    for (const log of coordinator.written) log.push({ record: null, transaction: coordinator.open, isDamaged: false });
    const topics = [...coordinator.written].flatMap((log) => log.find(({ record }) => record !== null)?.record ?? []);
    coordinator.open = null;
    coordinator.written = new Set();
    for (const { topic, partition } of topics) this.onAppend(topic, partition);
  }

  #coordinator(transactionalId: string): Coordinator {
    let coordinator = this.#coordinators.get(transactionalId);
    if (coordinator === undefined) {
      coordinator = { epoch: 0, nextSequence: 0, open: null, written: new Set() };
      this.#coordinators.set(transactionalId, coordinator);
    }
    return coordinator;
  }

  #log(topic: string, partition: number): LogEntry[] {
    const name = `${topic} ${partition}`;
    let log = this.#logs.get(name);
    if (log === undefined) this.#logs.set(name, (log = []));
    return log;
  }
}

function asUndecodable({ offset, timestampMs, value }: KafkaRecord): UndecodableBatch {
  const bytes = value ?? Buffer.alloc(0);
  return { firstOffset: offset, lastOffset: offset, timestampMs, reason: 'simulated: damaged', bytes };
}
