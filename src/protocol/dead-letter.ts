/**
 * Dead letters: the record as it came, and headers that say why. What a producer sent under our names is dropped, so that
 * nobody is told a reason that Inorder didn't give.
 */
import { headerOf, type KafkaRecord, type RawRecord, type RecordHeaders } from '../record.js';
import { producerHeaders, setHeader } from './headers.js';
import type { IngestPlace } from './message.js';
import type { DeadLetterReason } from './reasons.js';

export { decodeHeaders, encodeHeaders } from './headers.js';

const REASON_HEADER = 'inorder-dlq-reason';
const DETAIL_HEADER = 'inorder-dlq-detail';
const TOPIC_HEADER = 'inorder-dlq-topic';
const PARTITION_HEADER = 'inorder-dlq-partition';
const OFFSET_HEADER = 'inorder-dlq-offset';
const AT_HEADER = 'inorder-dlq-at';

/** All of them, as they are named in the contract. */
export const DEAD_LETTER_HEADERS = [
  REASON_HEADER,
  DETAIL_HEADER,
  TOPIC_HEADER,
  PARTITION_HEADER,
  OFFSET_HEADER,
  AT_HEADER,
] as const;

export interface DeadLetterInput {
  /** The record as the producer made it. */
  readonly record: RawRecord;
  readonly place: IngestPlace;
  /** The topic that `place` is in: the ingest topic. */
  readonly topic: string;
  readonly reason: DeadLetterReason;
  /** A sentence a person understands, naming the field. */
  readonly detail: string;
  /** When it was refused, ms since 1970 UTC. */
  readonly atMs: number;
}

/** Key and value as they came, null staying null; the producer's headers, and ours. */
export function deadLetterRecord({ record, place, topic, reason, detail, atMs }: DeadLetterInput): RawRecord {
  const headers: Record<string, Buffer | readonly Buffer[]> = {};
  const kept = producerHeaders(record.headers);
  for (const name of Object.keys(kept)) setHeader(headers, name, kept[name] as Buffer | readonly Buffer[]);
  headers[REASON_HEADER] = Buffer.from(reason);
  headers[DETAIL_HEADER] = Buffer.from(detail);
  headers[TOPIC_HEADER] = Buffer.from(topic);
  headers[PARTITION_HEADER] = Buffer.from(String(place.partition));
  headers[OFFSET_HEADER] = Buffer.from(String(place.offset));
  headers[AT_HEADER] = Buffer.from(new Date(atMs).toISOString());
  return { key: record.key, value: record.value, headers };
}

/** A dead letter as read from its topic. */
export interface DeadLetter {
  /** A `DeadLetterReason`, or one of a later version. */
  readonly reason: string;
  readonly detail: string;
  readonly topic: string;
  readonly place: IngestPlace;
  /** When it was refused, ms since 1970 UTC. */
  readonly atMs: number;
  /** The record as the producer made it, but for headers with our prefix. */
  readonly record: RawRecord;
}

/** @returns null when Inorder didn't write the record. */
export function parseDeadLetter({ key, value, headers }: KafkaRecord): DeadLetter | null {
  const reason = textOf(headers, REASON_HEADER);
  const detail = textOf(headers, DETAIL_HEADER);
  const topic = textOf(headers, TOPIC_HEADER);
  const partition = countIn(headers, PARTITION_HEADER);
  const offset = countIn(headers, OFFSET_HEADER);
  const atMs = Date.parse(textOf(headers, AT_HEADER) ?? '');
  if (reason === null || detail === null || topic === null || partition === null || offset === null) return null;
  if (Number.isNaN(atMs)) return null;
  const record = { key, value, headers: producerHeaders(headers) };
  return { reason, detail, topic, place: { partition, offset }, atMs, record };
}

function textOf(headers: RecordHeaders, name: string): string | null {
  return headerOf(headers, name)?.toString('utf8') ?? null;
}

function countIn(headers: RecordHeaders, name: string): number | null {
  const text = textOf(headers, name);
  return text !== null && /^\d{1,16}$/.test(text) ? Number(text) : null;
}
