/**
 * Holds the deliveries of one partition against its rows, both in the order of `msgId`, a row in memory at a time: the
 * second half of rule ends-once (every row is delivered once, and nothing else is), payload-unchanged, stamp-immutable
 * and batch-whole. Rows that are passed over wait, bounded, for a delivery that comes out of order.
 */
import { compareDecimal } from './decimal.js';
import { saidDifference, shown, stampDifference } from './difference.js';
import type { Batches, IngestPlace, MessageRow } from './evidence.js';
import type { Findings } from './findings.js';
import type { BatchWhole } from './rules/batch-whole.js';
import { nameOf } from './rules/rule.js';
import type { Delivered } from './so-far.js';
import type { Exhibit } from './verdict.js';

export interface RowJoinSetting {
  readonly topic: string;
  readonly findings: Findings;
  readonly batches: BatchWhole;
  /** Told of every row, once. */
  readonly onRow: (row: MessageRow) => void;
  /** Whether the record at a place had come when the evidence was taken. */
  readonly isCovered: (place: IngestPlace) => boolean;
  /** The last `msgId` that the lane forwarded, where that is known. */
  readonly watermark: string | null;
  readonly isDrained: boolean;
  readonly isTruncated: boolean;
}

const MOST_WAITING = 10_000;

export class RowJoin {
  readonly #setting: RowJoinSetting;
  readonly #rows: AsyncIterator<readonly MessageRow[]> | Iterator<readonly MessageRow[]>;
  #loaded: readonly MessageRow[] = [];
  #at = 0;
  #isExhausted = false;
  readonly #waiting = new Map<string, MessageRow>();
  #hasBegun = false;
  rowCount = 0;
  /** Rows that were stored and not yet forwarded when the evidence was taken. */
  onTheWayCount = 0;

  constructor(rows: Batches<MessageRow>, setting: RowJoinSetting) {
    this.#rows = Symbol.asyncIterator in rows ? rows[Symbol.asyncIterator]() : rows[Symbol.iterator]();
    this.#setting = setting;
  }

  /** Reads rows up to `msgId`, included. */
  async load(msgId: string): Promise<void> {
    do {
      const last = this.#loaded.at(-1)?.msgId ?? null;
      if (last !== null && compareDecimal(last, msgId) >= 0) return;
    } while (await this.#loadMore());
  }

  /** A delivery; rows up to its `msgId` are loaded. */
  deliver(record: Delivered, isRepeat: boolean): void {
    const { msgId } = record.message;
    if (msgId === null) return;
    const row = this.#rowOf(msgId);
    this.#hasBegun = true;
    if (row !== null) return this.#compare(row, record);
    if (isRepeat) return;
    this.#setting.findings.add('ends-once', `${nameOf(record)} was delivered and not stored`, [
      this.#recordExhibit(record, `msgId ${msgId}: no such row`),
    ]);
  }

  /** After the last delivery: every row must have been met. */
  async finish(): Promise<void> {
    for (const row of this.#waiting.values()) this.#undelivered(row);
    do {
      for (; this.#at < this.#loaded.length; this.#at++) this.#afterLast(this.#loaded[this.#at] as MessageRow);
    } while (await this.#loadMore());
  }

  /** Where there are no deliveries to hold the rows against: reads them all the same. @param onRead told how many. */
  async drain(onRead: (count: number) => void): Promise<void> {
    do {
      onRead(this.#loaded.length);
      this.#at = this.#loaded.length;
    } while (await this.#loadMore());
  }

  /** Whether there was more. */
  async #loadMore(): Promise<boolean> {
    if (this.#isExhausted) return false;
    const next = await this.#rows.next();
    if (next.done === true) {
      this.#isExhausted = true;
      return false;
    }
    const { value } = next;
    this.#loaded = this.#at >= this.#loaded.length ? value : [...this.#loaded.slice(this.#at), ...value];
    this.#at = 0;
    this.rowCount += value.length;
    for (const row of value) this.#setting.onRow(row);
    return true;
  }

  #rowOf(msgId: string): MessageRow | null {
    for (; this.#at < this.#loaded.length; this.#at++) {
      const row = this.#loaded[this.#at] as MessageRow;
      const order = compareDecimal(row.msgId ?? '', msgId);
      if (order > 0) break;
      if (order === 0) {
        this.#at += 1;
        return row;
      }
      this.#passOver(row);
    }
    const waiting = this.#waiting.get(msgId);
    if (waiting === undefined) return null;
    this.#waiting.delete(msgId);
    return waiting;
  }

  #passOver(row: MessageRow): void {
    // What was delivered before the topic's beginning was deleted with it.
    if (this.#setting.isTruncated && !this.#hasBegun) return;
    this.#waiting.set(row.msgId ?? '', row);
    if (this.#waiting.size <= MOST_WAITING) return;
    const [[oldest, first] = ['', row]] = this.#waiting;
    this.#waiting.delete(oldest);
    this.#undelivered(first);
  }

  /** A row above everything delivered: newer than the evidence, on its way, or lost. */
  #afterLast(row: MessageRow): void {
    const { isDrained, watermark, isCovered } = this.#setting;
    if (!isDrained && !isCovered(row.place)) return;
    const isForwarded = watermark === null || compareDecimal(row.msgId ?? '', watermark) <= 0;
    if (isDrained || isForwarded) this.#undelivered(row);
    else this.onTheWayCount += 1;
  }

  #undelivered(row: MessageRow): void {
    const { findings, batches } = this.#setting;
    findings.add('ends-once', `seq ${row.seq} of ${row.conversationId} was stored and not delivered`, [
      rowExhibit(row, 'stored'),
      {
        kind: 'position',
        what: `no delivery with msgId ${String(row.msgId)} in partition ${row.partition} of ${this.#setting.topic}`,
      },
    ]);
    batches.undelivered(row);
  }

  #compare(row: MessageRow, record: Delivered): void {
    const { findings, batches } = this.#setting;
    batches.delivered(row, record);
    const said = saidDifference(row, record.message);
    if (said !== null) {
      const values = `${said} ${shown(row[said])} is ${shown(record.message[said])} in the topic`;
      findings.add('payload-unchanged', `${nameOf(record)} was delivered with other content than stored: ${values}`, [
        rowExhibit(row, shown(row[said])),
        this.#recordExhibit(record, shown(record.message[said])),
      ]);
    }
    const stamp = stampDifference(row, record.message);
    if (stamp === null) return;
    const values = `${stamp} ${shown(row[stamp])} is ${shown(record.message[stamp])} in the topic`;
    findings.add('stamp-immutable', `${nameOf(record)} was delivered with another stamp than stored: ${values}`, [
      rowExhibit(row, shown(row[stamp])),
      this.#recordExhibit(record, shown(record.message[stamp])),
    ]);
  }

  #recordExhibit({ partition, offset }: Delivered, what: string): Exhibit {
    return { kind: 'record', topic: this.#setting.topic, partition, offset, what };
  }
}

function rowExhibit({ partition, msgId, stampedAt }: MessageRow, what: string): Exhibit {
  const key = `partition = ${partition} AND msg_id = ${String(msgId)}`;
  return { kind: 'row', table: 'message', key, atMs: stampedAt, what };
}
