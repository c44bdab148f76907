/**
 * Records of the internal logic topic: the producer's record as it came, under its conversation's key, with one header
 * more that says what the ingest stage found out, so that a lane never parses, scans or hashes the value again. A
 * producer can't forge that header: those with our prefix are dropped on the way in.
 */
import { isUtf8 } from 'node:buffer';
import { invariant } from '../invariant.js';
import { headerOf, type KafkaRecord, type RawRecord } from '../record.js';
import { producerHeaders, RESERVED_PREFIX } from './headers.js';
import type { ConversationId, LogicOffset } from './ids.js';
import type { Envelope, Incoming, IngestPlace } from './message.js';
import { quote } from './quote.js';
import type { DeadLetterReason } from './reasons.js';

export type DecodedLogicRecord =
  | { readonly ok: true; readonly incoming: Incoming }
  | {
      readonly ok: false;
      readonly reason: DeadLetterReason;
      readonly detail: string;
      /** In the ingest topic where the record says so, else the record's own. */
      readonly place: IngestPlace;
      readonly original: RawRecord;
    };

const ENVELOPE_HEADER = `${RESERVED_PREFIX}envelope`;
const FORMAT = 1;
const HASH_BYTES = 32;
/** 128 code points in UTF-16 units. */
const MAX_ID_UNITS = 256;
/** Two ids of 128 code points, 4 bytes each, in `single:<a>:<b>`. Beyond, a row would not fit its unique index. */
const MAX_KEY_BYTES = 8 + 2 * 512;
const MAX_TIME_MS = Number.MAX_SAFE_INTEGER;

/** The header: these as a JSON list. Spans are bytes of the value; that of an absent meta is empty. */
type HeaderList = readonly [
  format: number,
  partition: number,
  offset: number,
  receivedAt: number,
  senderId: string,
  receiverId: string | null,
  groupId: string | null,
  clientMsgId: string,
  sentAt: number,
  senderSeq: number | null,
  prevSenderSeq: number | null,
  senderEpoch: number | null,
  bodyStart: number,
  bodyEnd: number,
  metaStart: number,
  metaEnd: number,
  contentHashBase64: string,
  originalKeyBase64: string | null,
];

const isFormat = (value: unknown): boolean => value === FORMAT;
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isCountOrNull = (value: unknown): boolean => value === null || isCount(value);
const isString = (value: unknown): boolean => typeof value === 'string';
const isStringOrNull = (value: unknown): boolean => value === null || isString(value);
const isId = (value: unknown): boolean =>
  typeof value === 'string' && value.length > 0 && value.length <= MAX_ID_UNITS && !value.includes('\0');
const isIdOrNull = (value: unknown): boolean => value === null || isId(value);

type ChecksOf<List extends readonly unknown[]> = { readonly [Position in keyof List]: (value: unknown) => boolean };

/** What each may be, position by position. */
const CHECKS: ChecksOf<HeaderList> = [
  isFormat,
  isCount,
  isCount,
  isCount,
  isId,
  isIdOrNull,
  isIdOrNull,
  isId,
  isCount,
  isCountOrNull,
  isCountOrNull,
  isCountOrNull,
  isCount,
  isCount,
  isCount,
  isCount,
  isString,
  isStringOrNull,
];

/**
 * @param envelope what `parseEnvelope` made of the value of `from`: `body` and `meta` are views of it.
 * @param from the record of the ingest topic.
 */
export function encodeLogicRecord(envelope: Envelope, from: KafkaRecord): RawRecord {
  const { body, meta } = envelope;
  const bodyStart = startWithin(from.value, body);
  const metaStart = meta === null ? 0 : startWithin(from.value, meta);
  const header =
    `[${FORMAT},${from.partition},${from.offset},${receivedAtOf(from)},` +
    `${quote(envelope.senderId)},${quoteOrNull(envelope.receiverId)},${quoteOrNull(envelope.groupId)},` +
    `${quote(envelope.clientMsgId)},${envelope.sentAt},` +
    `${String(envelope.senderSeq)},${String(envelope.prevSenderSeq)},${String(envelope.senderEpoch)},` +
    `${bodyStart},${bodyStart + body.length},${metaStart},${metaStart + (meta?.length ?? 0)},` +
    `"${envelope.contentHash.toString('base64')}",${from.key === null ? 'null' : `"${from.key.toString('base64')}"`}]`;
  const headers = { ...producerHeaders(from.headers), [ENVELOPE_HEADER]: Buffer.from(header) };
  return { key: Buffer.from(envelope.conversationId), value: from.value, headers };
}

function quoteOrNull(text: string | null): string {
  return text === null ? 'null' : quote(text);
}

/** The broker's time. On a topic that isn't LogAppendTime it is the producer's, and may be any 64 bits. */
function receivedAtOf({ timestampMs }: KafkaRecord): number {
  return Number.isInteger(timestampMs) ? Math.min(Math.max(timestampMs, 0), MAX_TIME_MS) : 0;
}

function startWithin(value: Buffer | null, part: Buffer): number {
  const start = value === null ? -1 : part.byteOffset - value.byteOffset;
  const isView = part.buffer === value?.buffer && start >= 0 && start + part.length <= value.length;
  invariant(isView, "an envelope's body and meta are views of its record's value");
  return start;
}

/** Never throws, whatever was written to the topic. What a well-formed header says of the value is believed. */
export function decodeLogicRecord(record: KafkaRecord): DecodedLogicRecord {
  const list = listIn(headerOf(record.headers, ENVELOPE_HEADER));
  if (list === null) return invalid(record, null, `it has no header ${ENVELOPE_HEADER}, or one that is not a list`);
  const place = placeIn(list);
  if (!isHeaderList(list)) return invalid(record, place, `its header ${ENVELOPE_HEADER} holds something else`);
  const contentHash = Buffer.from(list[16], 'base64');
  const misfit = misfitOf(list, contentHash, record);
  if (misfit !== null) return invalid(record, place, misfit);
  return { ok: true, incoming: new DecodedIncoming(list, contentHash, record) };
}

function listIn(header: Buffer | undefined): unknown[] | null {
  if (header === undefined) return null;
  let list: unknown;
  try {
    list = JSON.parse(header.toString('utf8'));
  } catch {
    return null;
  }
  return Array.isArray(list) ? list : null;
}

function placeIn([, partition, offset]: readonly unknown[]): IngestPlace | null {
  return isCount(partition) && isCount(offset) ? { partition, offset } : null;
}

function isHeaderList(list: readonly unknown[]): list is HeaderList {
  if (list.length !== CHECKS.length) return false;
  for (let position = 0; position < CHECKS.length; position++) {
    if (CHECKS[position]?.(list[position]) !== true) return false;
  }
  return true;
}

/** What does not fit together, or what PostgreSQL would not take, which would stop the lane; else null. */
function misfitOf(list: HeaderList, contentHash: Buffer, { key, value }: KafkaRecord): string | null {
  if ((list[5] === null) === (list[6] === null)) return 'it names not exactly one of receiverId and groupId';
  if (contentHash.length !== HASH_BYTES) return 'its content hash is none';
  if (key === null || key.length === 0 || key.length > MAX_KEY_BYTES) return 'its key is no conversation id';
  if (value === null || !isText(key) || !isText(value)) return 'its key or value is not text';
  const isWhole = list[12] < list[13] && isSpan(value, list[12], list[13]) && isSpan(value, list[14], list[15]);
  return isWhole ? null : 'its body or meta is no part of its value';
}

/** Whether `[start, end)` lies in the text and cuts no character in two. */
function isSpan(text: Buffer, start: number, end: number): boolean {
  return start <= end && end <= text.length && !isContinuation(text[start]) && !isContinuation(text[end]);
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}

/** Whether PostgreSQL takes it as text. */
function isText(bytes: Buffer): boolean {
  return isUtf8(bytes) && !bytes.includes(0);
}

function invalid(record: KafkaRecord, place: IngestPlace | null, why: string): DecodedLogicRecord {
  const { topic, partition, offset, key, value } = record;
  const detail =
    `the record at offset ${offset} of ${topic}, partition ${partition}, was not written by the ingest stage: ${why}` +
    (place === null ? '; its place in the ingest topic is not known, that in the logic topic is given instead' : '');
  return {
    ok: false,
    reason: 'invalid_logic_record',
    detail,
    place: place ?? { partition, offset },
    original: { key, value, headers: producerHeaders(record.headers) },
  };
}

/** A class, so that the producer's record is put together for the few that need it only: for a dead letter. */
class DecodedIncoming implements Incoming {
  readonly conversationId: ConversationId;
  readonly senderId: string;
  readonly receiverId: string | null;
  readonly groupId: string | null;
  readonly clientMsgId: string;
  readonly sentAt: number;
  readonly senderSeq: number | null;
  readonly prevSenderSeq: number | null;
  readonly senderEpoch: number | null;
  readonly body: Buffer;
  readonly meta: Buffer | null;
  readonly contentHash: Buffer;
  readonly logicOffset: LogicOffset;
  readonly place: IngestPlace;
  readonly receivedAt: number;
  readonly traceparent: Buffer | null;
  readonly tracestate: Buffer | null;
  readonly #record: KafkaRecord;
  readonly #originalKeyBase64: string | null;

  /** @param record whose key and value were checked against `list`. */
  constructor(list: HeaderList, contentHash: Buffer, record: KafkaRecord) {
    const value = record.value as Buffer;
    this.conversationId = (record.key as Buffer).toString('utf8') as ConversationId;
    this.place = { partition: list[1], offset: list[2] };
    this.receivedAt = list[3];
    this.senderId = list[4];
    this.receiverId = list[5];
    this.groupId = list[6];
    this.clientMsgId = list[7];
    this.sentAt = list[8];
    this.senderSeq = list[9];
    this.prevSenderSeq = list[10];
    this.senderEpoch = list[11];
    this.body = value.subarray(list[12], list[13]);
    this.meta = list[14] === list[15] ? null : value.subarray(list[14], list[15]);
    this.contentHash = contentHash;
    this.logicOffset = record.offset as LogicOffset;
    this.traceparent = headerOf(record.headers, 'traceparent') ?? null;
    this.tracestate = headerOf(record.headers, 'tracestate') ?? null;
    this.#record = record;
    this.#originalKeyBase64 = list[17];
  }

  get original(): RawRecord {
    return {
      key: this.#originalKeyBase64 === null ? null : Buffer.from(this.#originalKeyBase64, 'base64'),
      value: this.#record.value,
      headers: producerHeaders(this.#record.headers),
    };
  }
}
