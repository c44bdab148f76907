/**
 * Which batches of a partition belong to aborted transactions. kafkajs' own filter assumes that the broker's list is
 * sorted by offset and takes any record whose key is four zero bytes for an abort marker, so it lets aborted records
 * through when two producers overlap, and never sees the truth when a producer sends such a key. This is the
 * algorithm of the Java client: a batch is aborted if its producer has an aborted transaction that began at or before
 * the batch and whose abort marker has not been passed.
 */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

/** What the filter looks at in a batch. */
export interface BatchOfProducer {
  readonly producerId: number;
  readonly lastOffset: number;
  readonly transactional: boolean;
  /** A control batch's marker; null for a batch of records, 'other' for a marker that ends no transaction. */
  readonly marker: 'abort' | 'commit' | 'other' | null;
}

/** Asked batch by batch, in offset order; keeps the producers whose aborted transaction is open. */
export class AbortedFilter {
  readonly #waiting: AbortedTransaction[];
  readonly #open = new Set<number>();

  constructor(transactions: readonly AbortedTransaction[]) {
    this.#waiting = transactions.toSorted((a, b) => b.firstOffset - a.firstOffset);
  }

  /** Whether the records of this batch must not be seen. Never true for a marker. */
  isAborted(batch: BatchOfProducer): boolean {
    let next = this.#waiting.at(-1);
    while (next !== undefined && next.firstOffset <= batch.lastOffset) {
      this.#open.add(next.producerId);
      this.#waiting.pop();
      next = this.#waiting.at(-1);
    }
    if (batch.marker !== null) {
      if (batch.marker === 'abort') this.#open.delete(batch.producerId);
      return false;
    }
    return batch.transactional && this.#open.has(batch.producerId);
  }
}
