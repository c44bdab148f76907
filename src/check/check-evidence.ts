/**
 * Judges a history by all rules. Sources are read one after the other, each once and as a stream; memory grows with
 * conversations and their senders, and by a bit or two for each ingest record (and by `bins`, which may lie on disk).
 * A source that throws, or a rule that does, makes what depends on it unknown; what was found before stands.
 */
import type { DeadLetterReason } from '../protocol/reasons.js';
import { MemoryBins, type Bins } from './bins.js';
import { compareDecimal } from './decimal.js';
import { DeliveryJudge } from './delivery-judge.js';
import type { Batches, Evidence, IngestPlace, IngestRecord, MessageRow } from './evidence.js';
import { Findings } from './findings.js';
import { missingEvidence } from './missing-evidence.js';
import { RowJoin } from './row-join.js';
import { BatchWhole } from './rules/batch-whole.js';
import type { RuleName } from './rules/catalogue.js';
import { EndsOnce } from './rules/ends-once.js';
import { judgeLane } from './rules/offset-behind-store.js';
import { judgeLogEnd } from './rules/no-open-transaction.js';
import { ReaderRules } from './rules/readers.js';
import type { Delivered } from './so-far.js';
import { verdictOf, type Counts, type Finding, type Verdict } from './verdict.js';

export interface CheckOptions {
  /** Findings of a rule that are kept with their exhibits; all are counted. 10 unless told. */
  readonly findingsPerRule?: number;
  /** Rules that count even where there is no evidence for them, and no others; all that can be judged unless told. */
  readonly required?: ReadonlySet<RuleName> | null;
  /** A transaction that is open for longer hangs, ms. */
  readonly hangsAfterMs?: number;
  /** Where records wait for what became of them; in memory unless told. Closed at the end. */
  readonly bins?: Bins;
  /** Told now and then how many records and rows were read. */
  readonly onProgress?: (readCount: number, what: string) => void;
  readonly onIngested?: (record: IngestRecord) => void;
  /** `placesOff`: how far it was from its conversation's turn; 0 is in order, negative after it. */
  readonly onDelivered?: (record: Delivered, placesOff: number) => void;
  readonly onFinding?: (finding: Finding) => void;
}

const DEFAULT_FINDINGS = 10;
const DEFAULT_HANGS_AFTER_MS = 90_000;

/**
 * Dead letters that a consumer of the delivery topic writes: the message is stored and delivered all the same, and the
 * place may be one of the delivery topic.
 */
const OF_CONSUMERS: ReadonlySet<string> = new Set<DeadLetterReason>(['handler_failed', 'invalid_delivery_record']);

const OF_INGEST: readonly RuleName[] = ['ends-once', 'payload-unchanged'];
const OF_ROWS: readonly RuleName[] = ['ends-once', 'payload-unchanged', 'stamp-immutable', 'batch-whole'];
const OF_DELIVERY: readonly RuleName[] = [
  ...OF_ROWS,
  ...(['stamps-unique', 'seq-dense', 'seq-order', 'sender-order', 'msg-id-grows', 'epoch-never-falls'] as const),
  'readers-agree',
];
const OF_READERS: readonly RuleName[] = ['readers-agree', 'reader-in-order'];

export async function checkEvidence(evidence: Evidence, options: CheckOptions = {}): Promise<Verdict> {
  const bins = options.bins ?? new MemoryBins();
  try {
    return await new EvidenceCheck(evidence, options, bins).run();
  } finally {
    bins.close();
  }
}

class EvidenceCheck {
  readonly #evidence: Evidence;
  readonly #options: CheckOptions;
  readonly #findings: Findings;
  readonly #endsOnce: EndsOnce;
  readonly #readers: ReaderRules;
  readonly #deliveries: DeliveryJudge;
  #readCount = 0;
  #rowCount = 0;
  #isReadersComplete = true;
  #onTheWayCount = 0;
  #current: RowJoin | null = null;

  constructor(evidence: Evidence, options: CheckOptions, bins: Bins) {
    const { topics, acknowledged, isDrained = false } = evidence;
    this.#evidence = evidence;
    this.#options = options;
    const findings = new Findings(options.findingsPerRule ?? DEFAULT_FINDINGS, options.onFinding ?? null);
    this.#findings = findings;
    const outcomesAre = evidence.rows === undefined ? 'deliveries' : 'rows';
    this.#endsOnce = new EndsOnce({
      ...{ bins, findings, topics, outcomesAre, ranges: evidence.ingestRanges, acknowledged, isDrained },
    });
    this.#readers = new ReaderRules(findings, topics.delivery);
    this.#deliveries = new DeliveryJudge({
      ...{ findings, topic: topics.delivery, truncated: evidence.truncated ?? new Set() },
      hasAbortedCopies: evidence.hasAbortedCopies === true,
      onDelivered: (record, isRepeat, placesOff) => this.#delivered(record, isRepeat, placesOff),
    });
  }

  async run(): Promise<Verdict> {
    const { observations, deadLetters, inFlight, ingest, partitions, lanes, logEnds } = this.#evidence;
    const endsOnce = this.#endsOnce;
    await this.#read('what readers saw', OF_READERS, observations, (seen) => this.#readers.observe(seen));
    await this.#read('dead letters', OF_INGEST, deadLetters, ({ reason, place }) => {
      if (!OF_CONSUMERS.has(reason)) endsOnce.deadLetters.add(place);
    });
    await this.#read('what is on its way', OF_INGEST, inFlight, (place) => endsOnce.inFlight.add(place));
    await this.#read('ingest records', OF_INGEST, ingest, (record) => this.#ingested(record));
    for (const partition of partitions) {
      await this.#guarded('the delivery topic and the rows', OF_DELIVERY, () => this.#readPartition(partition));
    }
    await this.#guarded('lanes', ['offset-behind-store'], () => this.#judgeLanes(lanes ?? []));
    await this.#guarded('log ends', ['no-open-transaction'], () => this.#judgeLogEnds(logEnds ?? []));
    await this.#guarded('the end', [...OF_DELIVERY, ...OF_READERS], () => this.#finish());
    const missing = missingEvidence(this.#evidence, this.#deliveries);
    return verdictOf(this.#findings.outcomes(missing), this.#counts(), this.#options.required ?? null);
  }

  async #readPartition(partition: number): Promise<void> {
    const { rows, delivery } = this.#evidence;
    const join = rows === undefined ? null : this.#joinOf(rows(partition), partition);
    this.#current = join;
    if (delivery !== undefined) {
      for await (const batch of delivery(partition)) {
        if (join !== null) await this.#loadRows(join, batch);
        for (const record of batch) this.#deliveries.judge(record);
        this.#progress(batch.length, 'deliveries');
      }
    }
    if (join === null) return;
    if (delivery !== undefined) await join.finish();
    else await join.drain((count) => this.#progress(count, 'rows'));
    this.#rowCount += join.rowCount;
    this.#onTheWayCount += join.onTheWayCount;
  }

  async #loadRows(
    join: RowJoin,
    batch: readonly { outcome: string; message: { msgId: string | null } | null }[],
  ): Promise<void> {
    let last: string | null = null;
    for (const { outcome, message } of batch) {
      const msgId = message?.msgId ?? null;
      if (outcome !== 'committed' || msgId === null) continue;
      if (last === null || compareDecimal(msgId, last) > 0) last = msgId;
    }
    if (last === null) return;
    const before = join.rowCount;
    await join.load(last);
    this.#progress(join.rowCount - before, 'rows');
  }

  #joinOf(rows: Batches<MessageRow>, partition: number): RowJoin {
    const { topics, lanes, isDrained, truncated } = this.#evidence;
    return new RowJoin(rows, {
      ...{ topic: topics.delivery, findings: this.#findings, isDrained: isDrained === true },
      batches: new BatchWhole(topics.delivery, this.#findings),
      onRow: (row) => this.#row(row),
      isCovered: (place) => this.#isCovered(place),
      watermark: lanes?.find((lane) => lane.partition === partition)?.watermark ?? null,
      isTruncated: truncated?.has(partition) === true,
    });
  }

  #ingested(record: IngestRecord): void {
    this.#endsOnce.ingested(record);
    this.#options.onIngested?.(record);
  }

  #row(row: MessageRow): void {
    if (this.#evidence.ingest !== undefined) this.#endsOnce.outcome(row, row.place);
  }

  #isCovered({ partition, offset }: IngestPlace): boolean {
    const { ingestRanges } = this.#evidence;
    if (ingestRanges === undefined) return true;
    return offset < (ingestRanges.get(partition)?.end ?? 0);
  }

  #delivered(record: Delivered, isRepeat: boolean, placesOff: number): void {
    const { rows, ingest } = this.#evidence;
    this.#readers.deliver(record);
    this.#current?.deliver(record, isRepeat);
    if (rows === undefined && ingest !== undefined) this.#endsOnce.outcome(record.message, record);
    this.#options.onDelivered?.(record, placesOff);
  }

  #judgeLanes(lanes: NonNullable<Evidence['lanes']>): void {
    for (const lane of lanes) {
      this.#findings.judged('offset-behind-store', 1);
      const sentence = judgeLane(lane);
      if (sentence === null) continue;
      this.#findings.add('offset-behind-store', sentence, [
        {
          kind: 'position',
          what: `committed offset ${String(lane.committedOffset)}, watermark ${String(lane.watermark)}`,
        },
        {
          kind: 'row',
          table: 'lane',
          key: `partition = ${lane.partition}`,
          atMs: null,
          what: `next_offset ${lane.nextOffset}, last_msg_id ${lane.lastMsgId}`,
        },
      ]);
    }
  }

  #judgeLogEnds(ends: NonNullable<Evidence['logEnds']>): void {
    const hangsAfterMs = this.#options.hangsAfterMs ?? DEFAULT_HANGS_AFTER_MS;
    for (const end of ends) {
      this.#findings.judged('no-open-transaction', 1);
      const judged = judgeLogEnd(end, this.#evidence.isDrained === true, hangsAfterMs);
      if (judged.kind === 'unknown') this.#findings.unknown('no-open-transaction', judged.sentence);
      if (judged.kind !== 'fail') continue;
      const { topic, partition, stableOffset } = end;
      this.#findings.add('no-open-transaction', judged.sentence, [
        { kind: 'record', topic, partition, offset: stableOffset, what: 'the open transaction begins here' },
      ]);
    }
  }

  #finish(): void {
    const { ingest, isDrained } = this.#evidence;
    this.#deliveries.finish();
    this.#readers.finish(isDrained === true, this.#isReadersComplete);
    if (ingest !== undefined) this.#endsOnce.finish();
    this.#findings.judged('ends-once', this.#endsOnce.ingestedCount);
    this.#findings.judged('payload-unchanged', this.#deliveries.deliveredCount);
    const { inFlightCount } = this.#endsOnce;
    if (inFlightCount > 0) this.#findings.unknown('ends-once', `${inFlightCount} ingest records are on their way`);
    if (this.#onTheWayCount > 0) {
      this.#findings.unknown('ends-once', `${this.#onTheWayCount} messages are stored and not yet delivered`);
    }
  }

  #counts(): Counts {
    return {
      ingested: this.#endsOnce.ingestedCount,
      acknowledged: this.#evidence.acknowledged?.size ?? 0,
      acknowledgedNotJudged: this.#endsOnce.acknowledgedNotJudgedCount,
      delivered: this.#deliveries.deliveredCount,
      aborted: this.#deliveries.abortedCount,
      stored: this.#rowCount,
      deadLetters: this.#endsOnce.deadLetters.size,
      duplicates: this.#endsOnce.duplicateCount,
      inFlight: this.#endsOnce.inFlightCount,
      conversations: this.#deliveries.soFar.conversationCount,
    };
  }

  async #read<T>(
    what: string,
    rules: readonly RuleName[],
    source: (() => Batches<T>) | undefined,
    take: (item: T) => void,
  ): Promise<void> {
    if (source === undefined) return;
    await this.#guarded(what, rules, async () => {
      for await (const batch of source()) {
        for (const item of batch) take(item);
        this.#progress(batch.length, what);
      }
    });
  }

  async #guarded(what: string, rules: readonly RuleName[], work: () => Promise<void> | void): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#findings.incomplete(rules, what, error);
      if (rules.includes('ends-once')) this.#endsOnce.isComplete = false;
      if (rules.includes('readers-agree')) this.#isReadersComplete = false;
    }
  }

  #progress(count: number, what: string): void {
    this.#readCount += count;
    this.#options.onProgress?.(this.#readCount, what);
  }
}
