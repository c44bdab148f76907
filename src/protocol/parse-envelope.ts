/**
 * The one gate into the pipeline: the bytes of a record's value become an envelope, or a reason and a sentence for the
 * dead letter. Never throws, whatever the bytes; takes time linear in them (n log n in the members of an object).
 */
import { isUtf8 } from 'node:buffer';
import { hash } from 'node:crypto';
import { conversationIdOf } from './conversation-id.js';
import {
  memberFault,
  notAnObjectFault,
  notUtf8Fault,
  scanFault,
  schemaFault,
  senderNumbersFault,
  syntaxFault,
  unknownFieldFault,
  type Document,
  type EnvelopeFault,
} from './envelope-faults.js';
import type { Envelope } from './message.js';
import type { DeadLetterReason } from './reasons.js';
import { ObjectScanner } from './scan-object.js';
import { envelopeSchema, isEnvelope, type EnvelopeFields } from './schemas.js';
import { isDigits, isWholeNumber } from './whole-number.js';

export type ParsedEnvelope =
  | { readonly ok: true; readonly envelope: Envelope }
  | { readonly ok: false; readonly reason: DeadLetterReason; readonly detail: string };

export interface EnvelopeLimits {
  readonly maxValueBytes: number;
}

/** Content is every field but the sender's clock: a retry may carry a later one. */
const scanner = new ObjectScanner(Object.keys(envelopeSchema.properties), 'sentAt');
const BODY = scanner.fieldOf('body');
const META = scanner.fieldOf('meta');
const INTEGERS = Object.entries(envelopeSchema.properties)
  .filter(([, { type }]) => type === 'integer')
  .map(([name]) => ({ name, field: scanner.fieldOf(name) }));

/**
 * @param value not to be changed afterwards: `body` and `meta` of the envelope are views of it.
 */
export function parseEnvelope(value: Buffer | null, limits: EnvelopeLimits): ParsedEnvelope {
  const outer = outerFault(value, limits);
  if (outer) return refused(outer);
  const bytes = value as Buffer;
  let fields: unknown;
  try {
    fields = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    return refused(syntaxFault(error));
  }
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) return refused(notAnObjectFault(fields));
  const fault = scanner.scan(bytes);
  if (fault) return refused(scanFault(fault));
  const { unknownName } = scanner;
  if (unknownName !== null) return refused(unknownFieldFault(unknownName));
  if (!isEnvelope(fields)) return refused(schemaFault(isEnvelope.errors ?? [], documentOf(fields, bytes)));
  const inner = numberFault(fields, bytes);
  if (inner) return refused(inner);
  return { ok: true, envelope: envelopeOf(fields, bytes) };
}

function refused({ reason, detail }: EnvelopeFault): ParsedEnvelope {
  return { ok: false, reason, detail };
}

/** What can be said of a value before it is parsed. */
function outerFault(value: Buffer | null, { maxValueBytes }: EnvelopeLimits): EnvelopeFault | null {
  if (value === null) return { reason: 'null_value', detail: 'the value is null: expected an envelope' };
  if (value.length === 0) return { reason: 'empty_value', detail: 'the value is empty: expected an envelope' };
  if (value.length > maxValueBytes) {
    const detail = `the value has ${value.length} bytes: expected at most ${maxValueBytes}`;
    return { reason: 'too_large', detail };
  }
  if (value[0] === 0xef && value[1] === 0xbb && value[2] === 0xbf) {
    return { reason: 'byte_order_mark', detail: 'the value begins with a byte order mark: expected JSON' };
  }
  return isUtf8(value) ? null : notUtf8Fault(value);
}

/** What the schema can't say: integers by their text, and how the sender's numbers lie to each other. */
function numberFault(fields: EnvelopeFields, bytes: Buffer): EnvelopeFault | null {
  for (const { name, field } of INTEGERS) {
    if (!scanner.has(field)) continue;
    const start = scanner.startOf(field);
    const end = scanner.endOf(field);
    if (isDigits(bytes, start, end) || isWholeNumber(bytes.toString('latin1', start, end))) continue;
    return memberFault(name, documentOf(fields, bytes));
  }
  const { senderSeq, prevSenderSeq } = fields;
  if (senderSeq === undefined || prevSenderSeq === undefined || prevSenderSeq < senderSeq) return null;
  return senderNumbersFault(documentOf(fields, bytes));
}

function documentOf(fields: object, bytes: Buffer): Document {
  const textOf = (name: string): string => {
    const field = scanner.fieldOf(name);
    return bytes.toString('utf8', scanner.startOf(field), scanner.endOf(field));
  };
  return { fields: fields as Document['fields'], textOf };
}

/** Adding 0 makes 0 of -0. */
function envelopeOf(fields: EnvelopeFields, bytes: Buffer): Envelope {
  const { senderId, receiverId = null, groupId = null } = fields;
  const { senderSeq = null, prevSenderSeq = null, senderEpoch = null } = fields;
  return {
    conversationId: conversationIdOf(senderId, receiverId, groupId),
    senderId,
    receiverId,
    groupId,
    clientMsgId: fields.clientMsgId,
    sentAt: fields.sentAt + 0,
    senderSeq,
    prevSenderSeq: prevSenderSeq === null ? null : prevSenderSeq + 0,
    senderEpoch: senderEpoch === null ? null : senderEpoch + 0,
    body: bytes.subarray(scanner.startOf(BODY), scanner.endOf(BODY)),
    meta: scanner.has(META) ? bytes.subarray(scanner.startOf(META), scanner.endOf(META)) : null,
    contentHash: sha256(scanner.canonical()),
  };
}

/** By way of a latin1 string: asking for a Buffer costs twice as much in Node 20. */
function sha256(bytes: Buffer): Buffer {
  return Buffer.from(hash('sha256', bytes, 'binary'), 'latin1');
}
