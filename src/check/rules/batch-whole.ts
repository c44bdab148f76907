/**
 * Rule 12. What one transaction stored is delivered in one Kafka transaction, so that a reader sees a batch whole or not
 * at all: the rows of a batch (rows that one PostgreSQL transaction wrote) lie in the same committed transaction of the
 * delivery topic, or none of them is delivered yet. A transaction may carry several batches, as after a takeover.
 *
 * Rows and deliveries are met in the order of `msgId`, in which a batch is one stretch; the batch of a row that was not
 * delivered is looked for among the last 64.
 */
import type { DeliveryRecord, MessageRow } from '../evidence.js';
import type { Findings } from '../findings.js';
import type { Exhibit } from '../verdict.js';

const RECENT_BATCHES = 64;

interface DeliveredBatch {
  readonly batch: string;
  readonly transaction: number;
  /** Of its last delivery. */
  offset: number;
}

/** Of one partition. */
export class BatchWhole {
  readonly #topic: string;
  readonly #findings: Findings;
  readonly #recent: DeliveredBatch[] = [];

  constructor(topic: string, findings: Findings) {
    this.#topic = topic;
    this.#findings = findings;
  }

  /** A row and its delivery. */
  delivered({ batch }: MessageRow, { partition, offset, transaction }: DeliveryRecord): void {
    if (batch === null || transaction === null) return;
    const last = this.#recent.at(-1);
    if (last?.batch === batch) {
      if (last.transaction === transaction) {
        last.offset = offset;
        return;
      }
      this.#findings.add('batch-whole', `a batch of lane ${partition} was delivered in two transactions`, [
        this.#exhibit(partition, last.offset, 'in one transaction'),
        this.#exhibit(partition, offset, 'in another'),
      ]);
    }
    this.#findings.judged('batch-whole', 1);
    this.#recent.push({ batch, transaction, offset });
    if (this.#recent.length > RECENT_BATCHES) this.#recent.shift();
  }

  /** A row that was not delivered. */
  undelivered({ partition, batch, msgId, stampedAt }: MessageRow): void {
    const found = this.#recent.find((one) => one.batch === batch);
    if (batch === null || found === undefined) return;
    this.#findings.add('batch-whole', `a batch of lane ${partition} was delivered without its msgId ${String(msgId)}`, [
      this.#exhibit(partition, found.offset, 'delivered of this batch'),
      {
        kind: 'row',
        table: 'message',
        key: `partition = ${partition} AND msg_id = ${String(msgId)}`,
        atMs: stampedAt,
        what: 'not delivered',
      },
    ]);
  }

  #exhibit(partition: number, offset: number, what: string): Exhibit {
    return { kind: 'record', topic: this.#topic, partition, offset, what };
  }
}
