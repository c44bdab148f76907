/**
 * Evidence from exported JSON lines, of this pipeline or any other: a file for what went in, one for what came out, one
 * for dead letters, one for what readers saw. Which member holds what can be said (`seq=payload.order.n`); a field that is
 * mapped to nothing is not there. Lines are read as a stream; values stay as they are written.
 */
import { InorderError } from '../../errors.js';
import { conversationIdOf } from '../../protocol/conversation-id.js';
import type {
  DeadLetterRecord,
  DeliveryRecord,
  Evidence,
  IngestRecord,
  Observation,
  Said,
  Stamped,
} from '../evidence.js';
import { linesAs, refuseUnreadable } from './json-lines.js';
import { memberAt, numberIn, stringIn } from './json-members.js';
import { MappedFields } from './mapped-fields.js';
import { saidOf } from './record-texts.js';

/** Where each field lies in a line: names, one inside the other. Empty: nowhere. */
export type FieldMap = Readonly<Record<FieldName, readonly string[]>>;

export const FIELDS = {
  conversationId: 'the unit of order; made of the sender and receiverId or groupId where it is absent',
  seq: 'the place in the conversation, from 1',
  msgId: 'an id that grows, in decimal digits',
  senderId: 'who sent it',
  receiverId: 'whom it was sent to',
  groupId: 'the group it was sent to',
  clientMsgId: "the sender's name for the message, the same in every retry",
  senderSeq: "the sender's own number",
  senderEpoch: "the life of the sender's numbers",
  sentAt: "the sender's clock, ms",
  receivedAt: 'when it came in, ms',
  stampedAt: 'when it got its place, ms',
  late: 'true where the order of the sender could not be kept',
  body: 'what was said',
  meta: 'what was said beside it',
  partition: 'of the topic; 0 where it is absent',
  offset: 'in the partition; the number of the line where it is absent',
  timestamp: 'when it was appended, ms',
  epoch: "the writer's epoch",
  transaction: 'a number for each transaction',
  outcome: 'committed or aborted; committed where it is absent',
} as const;
export type FieldName = keyof typeof FIELDS;
type Texts = Readonly<Record<FieldName, string | null>>;

export interface FileEvidenceOptions {
  readonly delivery: string | null;
  readonly ingest: string | null;
  readonly deadLetters: string | null;
  readonly observations: string | null;
  readonly map: FieldMap;
  readonly isDrained: boolean;
}

/** @throws InorderError usage where a mapping is none */
export function fieldMapOf(mappings: readonly string[]): FieldMap {
  const map = Object.fromEntries(Object.keys(FIELDS).map((name) => [name, [name]])) as Record<FieldName, string[]>;
  for (const mapping of mappings) {
    const at = mapping.indexOf('=');
    const name = mapping.slice(0, at === -1 ? undefined : at);
    if (at === -1 || !Object.hasOwn(FIELDS, name)) {
      const known = Object.keys(FIELDS).join(', ');
      throw new InorderError('usage', `--map ${mapping} is not field=path, where the field is one of ${known}`);
    }
    const path = mapping.slice(at + 1);
    map[name as FieldName] = path === '' ? [] : path.split('.');
  }
  return map;
}

/** @throws InorderError usage where a file can't be read */
export async function fileEvidence(options: FileEvidenceOptions): Promise<Evidence> {
  const { delivery, ingest, deadLetters, observations, map, isDrained } = options;
  for (const path of [delivery, ingest, deadLetters, observations]) if (path !== null) await refuseUnreadable(path);
  return {
    topics: { ingest: ingest ?? 'ingest', delivery: delivery ?? 'delivery', dlq: deadLetters ?? 'dead letters' },
    // There are no rows to be held against one partition after the other: all of them are read in one pass.
    partitions: delivery === null ? [] : [0],
    isDrained,
    ...(delivery === null ? {} : { delivery: () => deliveriesIn(delivery, map) }),
    ...(ingest === null ? {} : { ingest: () => ingestsIn(ingest, map) }),
    ...(deadLetters === null ? {} : { deadLetters: () => linesAs(deadLetters, deadLetterIn) }),
    ...(observations === null ? {} : { observations: () => observationsIn(observations) }),
  };
}

function deliveriesIn(path: string, map: FieldMap): AsyncGenerator<DeliveryRecord[]> {
  const fields = new MappedFields<FieldName>(map);
  return linesAs(path, (line, number) => deliveryIn(fields.read(line), number));
}

function ingestsIn(path: string, map: FieldMap): AsyncGenerator<IngestRecord[]> {
  const fields = new MappedFields<FieldName>(map);
  return linesAs(path, (line, number) => {
    const texts = fields.read(line);
    const partition = numberIn(texts.partition) ?? 0;
    return { partition, offset: numberIn(texts.offset) ?? number, said: saidIn(texts) };
  });
}

function deliveryIn(texts: Texts, number: number): DeliveryRecord {
  const said = saidIn(texts);
  const seq = numberIn(texts.seq);
  const message: Stamped | null =
    said === null || seq === null
      ? null
      : {
          ...said,
          seq,
          msgId: idIn(texts.msgId),
          receivedAt: numberIn(texts.receivedAt),
          stampedAt: numberIn(texts.stampedAt),
          late: texts.late === 'true',
        };
  return {
    partition: numberIn(texts.partition) ?? 0,
    offset: numberIn(texts.offset) ?? number,
    timestampMs: numberIn(texts.timestamp),
    outcome: stringIn(texts.outcome) === 'aborted' ? 'aborted' : 'committed',
    transaction: numberIn(texts.transaction),
    laneEpoch: numberIn(texts.epoch),
    message,
    fault: message === null ? `line ${number} has no conversation, sender, clientMsgId or seq` : null,
  };
}

function saidIn(texts: Texts): Said | null {
  const senderId = nameIn(texts.senderId);
  const clientMsgId = nameIn(texts.clientMsgId);
  if (senderId === null || clientMsgId === null) return null;
  const conversationId = nameIn(texts.conversationId) ?? conversationOf(senderId, texts);
  if (conversationId === null) return null;
  return saidOf(texts, conversationId, senderId, clientMsgId);
}

function conversationOf(senderId: string, texts: Texts): string | null {
  const receiverId = nameIn(texts.receiverId);
  const groupId = nameIn(texts.groupId);
  return (receiverId === null) === (groupId === null) ? null : conversationIdOf(senderId, receiverId, groupId);
}

function deadLetterIn(line: string, number: number): DeadLetterRecord {
  const [partition, offset] = (stringIn(memberAt(line, ['place'])) ?? '').split(':').map(Number);
  const place = {
    partition: partition ?? numberIn(memberAt(line, ['partition'])) ?? 0,
    offset: offset ?? numberIn(memberAt(line, ['offset'])) ?? -1,
  };
  return { partition: 0, offset: number, reason: stringIn(memberAt(line, ['reason'])) ?? '', place };
}

const OBSERVED = ['reader', 'group', 'assignment', 'partition', 'offset', 'conversationId', 'seq', 'msgId'] as const;
type ObservedName = (typeof OBSERVED)[number];

function observationsIn(path: string): AsyncGenerator<Observation[]> {
  const paths = Object.fromEntries(OBSERVED.map((name) => [name, [name]])) as Record<ObservedName, string[]>;
  const fields = new MappedFields(paths);
  return linesAs(path, (line, number) => observationIn(fields.read(line), number));
}

function observationIn(texts: Readonly<Record<ObservedName, string | null>>, number: number): Observation {
  const reader = nameIn(texts.reader) ?? 'reader';
  const conversationId = nameIn(texts.conversationId);
  const [partition, offset, seq] = [numberIn(texts.partition), numberIn(texts.offset), numberIn(texts.seq)];
  if (conversationId === null || partition === null || offset === null || seq === null) {
    throw new InorderError(
      'usage',
      `line ${number} of the readers' file lacks partition, offset, conversationId or seq`,
    );
  }
  return {
    reader,
    group: nameIn(texts.group) ?? reader,
    assignment: numberIn(texts.assignment) ?? 1,
    partition,
    offset,
    conversationId,
    seq,
    msgId: idIn(texts.msgId),
  };
}

/** An id may be written as a number. */
function nameIn(text: string | null): string | null {
  return text === null || text === 'null' ? null : (stringIn(text) ?? text);
}

function idIn(text: string | null): string | null {
  const id = nameIn(text);
  return id !== null && /^\d+$/.test(id) ? id.replace(/^0+(?=\d)/, '') : null;
}
