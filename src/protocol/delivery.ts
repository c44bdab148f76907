/**
 * Records of the delivery topic: how a lane writes them, and how a consumer reads them. Field by field, without a spread
 * or a second look at what was validated long ago: every message goes through here. A message that was read back from
 * PostgreSQL renders to the same bytes.
 */
import { InorderError } from '../errors.js';
import { headerOf, type KafkaRecord, type RecordHeaders } from '../record.js';
import { RESERVED_PREFIX } from './headers.js';
import type { ConversationId, LaneEpoch, MsgId, Seq } from './ids.js';
import type { StampedMessage } from './message.js';
import { quote } from './quote.js';
import { ObjectScanner } from './scan-object.js';
import { deliverySchema, isDelivery, type DeliveryFields } from './schemas.js';

const EPOCH_HEADER = `${RESERVED_PREFIX}epoch`;

export function deliveryKey(message: StampedMessage): Buffer {
  return Buffer.from(message.conversationId);
}

/** The record's value: `body` and `meta` are the sender's bytes. */
export function renderDelivery(message: StampedMessage): Buffer {
  const { body, meta, senderSeq, senderEpoch } = message;
  let head = `{"conversationId":${quote(message.conversationId)},"seq":${message.seq},"msgId":"${message.msgId}"`;
  head += `,"senderId":${quote(message.senderId)}`;
  if (message.receiverId !== null) head += `,"receiverId":${quote(message.receiverId)}`;
  if (message.groupId !== null) head += `,"groupId":${quote(message.groupId)}`;
  head += `,"clientMsgId":${quote(message.clientMsgId)}`;
  if (senderSeq !== null) head += `,"senderSeq":${senderSeq}`;
  if (senderEpoch !== null) head += `,"senderEpoch":${senderEpoch}`;
  head += `,"sentAt":${message.sentAt},"receivedAt":${message.receivedAt},"stampedAt":${message.stampedAt}`;
  head += message.late ? ',"late":true,"body":' : ',"body":';

  const headLength = Buffer.byteLength(head);
  const metaLength = meta === null ? 0 : META_MEMBER.length + meta.length;
  const value = Buffer.allocUnsafe(headLength + body.length + metaLength + 1);
  value.write(head, 0, 'utf8');
  body.copy(value, headLength);
  if (meta !== null) {
    value.write(META_MEMBER, headLength + body.length, 'latin1');
    meta.copy(value, headLength + body.length + META_MEMBER.length);
  }
  value[value.length - 1] = CLOSE_BRACE;
  return value;
}

const META_MEMBER = ',"meta":';
const CLOSE_BRACE = 0x7d;

/** The lane's epoch, and the trace context that the producer sent along. */
export function deliveryHeaders(message: StampedMessage, laneEpoch: LaneEpoch): RecordHeaders {
  const headers: Record<string, Buffer> = { [EPOCH_HEADER]: Buffer.from(String(laneEpoch)) };
  if (message.traceparent !== null) headers['traceparent'] = message.traceparent;
  if (message.tracestate !== null) headers['tracestate'] = message.tracestate;
  return headers;
}

/** A message as a consumer reads it. Times are milliseconds since 1970 UTC. */
export interface Delivery {
  readonly conversationId: ConversationId;
  /** Dense from 1 per conversation. */
  readonly seq: Seq;
  readonly msgId: MsgId;
  readonly senderId: string;
  /** Exactly one of `receiverId` and `groupId` is a string. */
  readonly receiverId: string | null;
  readonly groupId: string | null;
  readonly clientMsgId: string;
  readonly senderSeq: number | null;
  readonly senderEpoch: number | null;
  /** The sender's clock. */
  readonly sentAt: number;
  /** The broker's clock at the ingest topic. */
  readonly receivedAt: number;
  /** The lane's clock. */
  readonly stampedAt: number;
  /** Whether the sender's order could not be kept. */
  readonly late: boolean;
  /** The JSON that the sender wrote, byte by byte. */
  readonly body: Buffer;
  readonly meta: Buffer | null;
  /** Of the lane that wrote it; null where the header is not there. */
  readonly laneEpoch: LaneEpoch | null;
  readonly traceparent: Buffer | null;
  readonly tracestate: Buffer | null;
  /** `body` parsed; numbers beyond doubles are rounded. */
  bodyJson(): unknown;
  /** `meta` parsed, or null. */
  metaJson(): unknown;
}

const scanner = new ObjectScanner(Object.keys(deliverySchema.properties));
const BODY = scanner.fieldOf('body');
const META = scanner.fieldOf('meta');

/**
 * @throws InorderError invariant_broken when the record is none that a lane wrote: somebody else wrote to the topic.
 */
export function parseDelivery(record: KafkaRecord): Delivery {
  const { value, topic, partition, offset } = record;
  const place = `the record at offset ${offset} of ${topic}, partition ${partition},`;
  if (value === null) throw new InorderError('invariant_broken', `${place} is not a delivery record: it has no value`);
  let fields: unknown;
  try {
    fields = JSON.parse(value.toString('utf8'));
  } catch {
    throw new InorderError('invariant_broken', `${place} is not a delivery record: it is not JSON`);
  }
  if (!isDelivery(fields)) {
    const { instancePath = '', message = '' } = isDelivery.errors?.[0] ?? {};
    throw new InorderError('invariant_broken', `${place} is not a delivery record: ${instancePath} ${message}`);
  }
  const fault = scanner.scan(value);
  if (fault) throw new InorderError('invariant_broken', `${place} is not a delivery record: ${fault.reason}`);
  return new ParsedDelivery(fields, value, record.headers);
}

class ParsedDelivery implements Delivery {
  readonly conversationId: ConversationId;
  readonly seq: Seq;
  readonly msgId: MsgId;
  readonly senderId: string;
  readonly receiverId: string | null;
  readonly groupId: string | null;
  readonly clientMsgId: string;
  readonly senderSeq: number | null;
  readonly senderEpoch: number | null;
  readonly sentAt: number;
  readonly receivedAt: number;
  readonly stampedAt: number;
  readonly late: boolean;
  readonly body: Buffer;
  readonly meta: Buffer | null;
  readonly laneEpoch: LaneEpoch | null;
  readonly traceparent: Buffer | null;
  readonly tracestate: Buffer | null;

  /** To be called right after `value` was scanned. */
  constructor(fields: DeliveryFields, value: Buffer, headers: RecordHeaders) {
    this.conversationId = fields.conversationId as ConversationId;
    this.seq = fields.seq as Seq;
    this.msgId = BigInt(fields.msgId) as MsgId;
    this.senderId = fields.senderId;
    this.receiverId = fields.receiverId ?? null;
    this.groupId = fields.groupId ?? null;
    this.clientMsgId = fields.clientMsgId;
    this.senderSeq = fields.senderSeq ?? null;
    this.senderEpoch = fields.senderEpoch ?? null;
    this.sentAt = fields.sentAt;
    this.receivedAt = fields.receivedAt;
    this.stampedAt = fields.stampedAt;
    this.late = fields.late ?? false;
    this.body = value.subarray(scanner.startOf(BODY), scanner.endOf(BODY));
    this.meta = scanner.has(META) ? value.subarray(scanner.startOf(META), scanner.endOf(META)) : null;
    this.laneEpoch = laneEpochIn(headers);
    this.traceparent = headerOf(headers, 'traceparent') ?? null;
    this.tracestate = headerOf(headers, 'tracestate') ?? null;
  }

  bodyJson(): unknown {
    return JSON.parse(this.body.toString('utf8'));
  }

  metaJson(): unknown {
    return this.meta === null ? null : JSON.parse(this.meta.toString('utf8'));
  }
}

function laneEpochIn(headers: RecordHeaders): LaneEpoch | null {
  const text = headerOf(headers, EPOCH_HEADER)?.toString('latin1');
  return text !== undefined && /^\d{1,15}$/.test(text) ? (Number(text) as LaneEpoch) : null;
}
