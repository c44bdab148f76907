/** Records of the topics as evidence. Written apart from the code that wrote them: nothing is shared but the id's rule. */
import { isUtf8 } from 'node:buffer';
import { conversationIdOf } from '../../protocol/conversation-id.js';
import { headerOf, type KafkaRecord } from '../../record.js';
import type { DeadLetterRecord, DeliveryRecord, Said, Stamped } from '../evidence.js';
import { eachMember, numberIn, stringIn } from './json-members.js';

/** What a record of the ingest topic says, or null where it names no sender, conversation and message. */
export function saidIn(value: Buffer | null): Said | null {
  const texts = textsIn(value);
  if (texts === null) return null;
  const senderId = stringIn(texts.senderId);
  const clientMsgId = stringIn(texts.clientMsgId);
  const receiverId = stringIn(texts.receiverId);
  const groupId = stringIn(texts.groupId);
  if (senderId === null || clientMsgId === null || (receiverId === null) === (groupId === null)) return null;
  return saidOf(texts, conversationIdOf(senderId, receiverId, groupId), senderId, clientMsgId);
}

/** A record of the delivery topic. One that is no delivery says why. */
export function deliveryIn(
  record: KafkaRecord,
  outcome: DeliveryRecord['outcome'],
  transaction: number | null,
): DeliveryRecord {
  const { partition, offset, timestampMs } = record;
  const message = stampedIn(record.value);
  const key = record.key?.toString('utf8') ?? null;
  let fault: string | null = null;
  if (message === null) fault = 'its value is not JSON with the fields of a delivery';
  else if (key !== message.conversationId) fault = `its key ${String(key)} is not its conversation`;
  const laneEpoch = countIn(record, 'inorder-epoch');
  return {
    partition,
    offset,
    timestampMs,
    outcome,
    transaction,
    laneEpoch,
    message: fault === null ? message : null,
    fault,
  };
}

/** A record of the dead letter topic, or null where it carries no place. */
export function deadLetterIn(record: KafkaRecord): DeadLetterRecord | null {
  const partition = countIn(record, 'inorder-dlq-partition');
  const offset = countIn(record, 'inorder-dlq-offset');
  if (partition === null || offset === null) return null;
  const reason = headerOf(record.headers, 'inorder-dlq-reason')?.toString('utf8') ?? '';
  return { partition: record.partition, offset: record.offset, reason, place: { partition, offset } };
}

function stampedIn(value: Buffer | null): Stamped | null {
  const texts = textsIn(value);
  if (texts === null) return null;
  const conversationId = stringIn(texts.conversationId);
  const senderId = stringIn(texts.senderId);
  const clientMsgId = stringIn(texts.clientMsgId);
  const seq = numberIn(texts.seq);
  const msgId = stringIn(texts.msgId);
  if (conversationId === null || senderId === null || clientMsgId === null || seq === null || msgId === null)
    return null;
  return {
    ...saidOf(texts, conversationId, senderId, clientMsgId),
    seq,
    msgId,
    receivedAt: numberIn(texts.receivedAt),
    stampedAt: numberIn(texts.stampedAt),
    late: texts.late === 'true',
  };
}

/** What a sender said, from the texts of its fields; who and where were read before. */
export function saidOf(texts: SaidTexts, conversationId: string, senderId: string, clientMsgId: string): Said {
  return {
    conversationId,
    senderId,
    clientMsgId,
    sentAt: numberIn(texts.sentAt),
    senderSeq: numberIn(texts.senderSeq),
    senderEpoch: numberIn(texts.senderEpoch),
    body: texts.body,
    meta: texts.meta,
  };
}

/** The fields of both, as they are written; null where they are not there. */
const NO_TEXTS = {
  conversationId: null,
  seq: null,
  msgId: null,
  senderId: null,
  receiverId: null,
  groupId: null,
  clientMsgId: null,
  senderSeq: null,
  senderEpoch: null,
  sentAt: null,
  receivedAt: null,
  stampedAt: null,
  late: null,
  body: null,
  meta: null,
};
type SaidTexts = Readonly<Record<'sentAt' | 'senderSeq' | 'senderEpoch' | 'body' | 'meta', string | null>>;
type FieldTexts = { [Name in keyof typeof NO_TEXTS]: string | null };

function textsIn(value: Buffer | null): FieldTexts | null {
  if (value === null || !isUtf8(value)) return null;
  const texts: FieldTexts = { ...NO_TEXTS };
  const isObject = eachMember(value.toString('utf8'), (name, text) => {
    if (Object.hasOwn(NO_TEXTS, name)) texts[name as keyof FieldTexts] = text;
  });
  return isObject ? texts : null;
}

function countIn(record: KafkaRecord, name: string): number | null {
  const text = headerOf(record.headers, name)?.toString('latin1');
  return text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : null;
}
