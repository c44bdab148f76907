/**
 * What the checker judges, as plain data: whoever has a history of a pipeline (topics and tables, exported files, a
 * simulation) says it in these words. Texts are JSON as it was written, never parsed and printed again; ids of messages
 * are decimal strings, compared as numbers; times are milliseconds since 1970 UTC.
 */

import type { PlaceSet } from './place-set.js';

/** What a sender said, wherever it is found again. */
export interface Said {
  readonly conversationId: string;
  readonly senderId: string;
  readonly clientMsgId: string;
  readonly sentAt: number | null;
  readonly senderSeq: number | null;
  readonly senderEpoch: number | null;
  readonly body: string | null;
  readonly meta: string | null;
}

/** A message with its place in the order. */
export interface Stamped extends Said {
  readonly seq: number;
  /** Decimal, without leading zeros; null where a pipeline has no such id. */
  readonly msgId: string | null;
  readonly receivedAt: number | null;
  readonly stampedAt: number | null;
  readonly late: boolean;
}

/** A record of the ingest topic. */
export interface IngestRecord {
  readonly partition: number;
  readonly offset: number;
  /** Null where no sender, conversation and message id could be read: such a record may only end as a dead letter. */
  readonly said: Said | null;
}

/** A record of the delivery topic: every copy that lies there, aborted ones included. */
export interface DeliveryRecord {
  readonly partition: number;
  readonly offset: number;
  /** When it was appended. */
  readonly timestampMs: number | null;
  /** What became of its transaction; `committed` also where there was none. `open`: its end was not seen. */
  readonly outcome: 'committed' | 'aborted' | 'open';
  /** Tells the transactions of a partition apart, growing; null where that is not known. */
  readonly transaction: number | null;
  /** The owner's epoch, of the header `inorder-epoch`. */
  readonly laneEpoch: number | null;
  /** Null where the record is no delivery; `fault` says why. */
  readonly message: Stamped | null;
  readonly fault: string | null;
}

/** A row of the table `message`. */
export interface MessageRow extends Stamped {
  readonly partition: number;
  readonly laneEpoch: number | null;
  /** The same for the rows that one transaction stored, and for no others; null where that is not known. */
  readonly batch: string | null;
  readonly place: IngestPlace;
}

/** Where a record lies in the ingest topic. */
export interface IngestPlace {
  readonly partition: number;
  readonly offset: number;
}

/** A record of the dead letter topic. */
export interface DeadLetterRecord {
  readonly partition: number;
  readonly offset: number;
  readonly reason: string;
  /** Of the record that was refused; for the letters of delivery consumers, which end nothing, of whatever it was. */
  readonly place: IngestPlace;
}

/** Where a lane stands, in Kafka and in PostgreSQL; the committed offset was read before the row. */
export interface LanePosition {
  readonly partition: number;
  readonly nextOffset: number;
  readonly lastMsgId: string;
  /** Null where nothing was committed yet. */
  readonly committedOffset: number | null;
  /** The last msgId that was forwarded; null where the commit carries none. */
  readonly watermark: string | null;
}

/** Where a partition of a topic ends, for readers who see committed transactions only and for all. */
export interface LogEnd {
  readonly topic: string;
  readonly partition: number;
  readonly stableOffset: number;
  readonly endOffset: number;
  /** How long the oldest open transaction has been open, ms; null where that is not known. */
  readonly openForMs: number | null;
}

/** A message that some reader of the delivery topic was handed, in the order in which it was. */
export interface Observation {
  readonly reader: string;
  /** Readers of one group share the partitions; a reader of its own is its own group. */
  readonly group: string;
  /** Grows with every assignment of the reader. */
  readonly assignment: number;
  readonly partition: number;
  readonly offset: number;
  readonly conversationId: string;
  readonly seq: number;
  readonly msgId: string | null;
}

/** Items in batches: one by one they would cost a promise each. */
export type Batches<T> = Iterable<readonly T[]> | AsyncIterable<readonly T[]>;

/** Offsets of a partition that the evidence covers: from `start` to before `end`. */
export interface OffsetRange {
  readonly start: number;
  readonly end: number;
}

/**
 * A history to be judged. What is absent is not judged, and said to be so. Every function is called once; a source that
 * throws makes the rules that need it answer unknown.
 */
export interface Evidence {
  /** For what is printed. */
  readonly topics: { readonly ingest: string; readonly delivery: string; readonly dlq: string };
  /** What `delivery` and `rows` are asked for: partitions of the delivery topic, or one where `delivery` brings all at once. */
  readonly partitions: readonly number[];
  /** A partition's records in offset order; partitions may alternate. */
  readonly ingest?: () => Batches<IngestRecord>;
  /**
   * By ingest partition, what `ingest` covers; places outside were deleted, or came after the evidence was taken. All
   * that was read, where this is absent.
   */
  readonly ingestRanges?: ReadonlyMap<number, OffsetRange>;
  /** Places of the ingest topic that producers were acknowledged; absent where they noted none. */
  readonly acknowledged?: PlaceSet;
  /** Absent: there are no dead letters. */
  readonly deadLetters?: () => Batches<DeadLetterRecord>;
  /** Ingest records that are on their way: not yet passed on, not yet stored, held for an earlier one. */
  readonly inFlight?: () => Batches<IngestPlace>;
  /** A partition's records in offset order; of all partitions, which may alternate, where only one is asked for. */
  readonly delivery?: (partition: number) => Batches<DeliveryRecord>;
  /** Partitions whose beginning is not there any more: a conversation may begin with any number. */
  readonly truncated?: ReadonlySet<number>;
  /** Whether `delivery` brings aborted copies too. */
  readonly hasAbortedCopies?: boolean;
  /** A partition's rows in the order of `msgId`. Read after the topics, so that nothing delivered can be missing. */
  readonly rows?: (partition: number) => Batches<MessageRow>;
  readonly lanes?: readonly LanePosition[];
  readonly logEnds?: readonly LogEnd[];
  /** A reader's observations in their order; readers may alternate. */
  readonly observations?: () => Batches<Observation>;
  /** Whether nothing was being written: then every reader must have seen all, and no transaction may be open. */
  readonly isDrained?: boolean;
}
