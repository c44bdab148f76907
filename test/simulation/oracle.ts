/** What the promises forbid, told from the topics and tables that a simulation leaves. Shares no code with what it judges. */
import type { MemoryKafka } from './memory-kafka.js';
import type { MemoryPostgres } from './memory-postgres.js';
import { DLQ_PARTITIONS, INGEST_PARTITIONS, LOGIC_PARTITIONS, TOPICS } from './sim-servers.js';
import type { SentEnvelope } from './sim-workload.js';

interface Delivered {
  readonly conversationId: string;
  readonly seq: number;
  readonly msgId: string;
  readonly senderId: string;
  readonly clientMsgId: string;
  readonly senderSeq?: number;
  readonly late?: boolean;
  readonly body: string;
}

/** Everything broken, in words; empty where every promise holds. To be asked when all is at rest. */
export function brokenPromises(kafka: MemoryKafka, postgres: MemoryPostgres): string[] {
  const broken: string[] = [];
  const delivered = new Map<string, Delivered>();
  for (let p = 0; p < LOGIC_PARTITIONS; p++) {
    const list = committedIn(kafka, TOPICS.delivery, p).map(({ value }) => JSON.parse(String(value)) as Delivered);
    broken.push(...disorderIn(list), ...differencesFromRows(list, postgres, p));
    for (const one of list) {
      const identity = `${one.conversationId} ${one.senderId} ${one.clientMsgId}`;
      if (delivered.has(identity)) broken.push(`${identity} is delivered twice`);
      delivered.set(identity, one);
    }
  }
  return [...broken, ...lostIn(kafka, delivered)];
}

function committedIn(kafka: MemoryKafka, topic: string, partition: number) {
  return kafka.log(topic, partition).flatMap(({ record, transaction }) => {
    const isVisible = transaction === null || transaction.outcome === 'committed';
    return record !== null && isVisible ? [record] : [];
  });
}

function disorderIn(list: readonly Delivered[]): string[] {
  const broken: string[] = [];
  const seqs = new Map<string, number>();
  const numbers = new Map<string, number>();
  let lastId = 0n;
  for (const { conversationId, seq, msgId, senderId, senderSeq, late } of list) {
    const expected = (seqs.get(conversationId) ?? 0) + 1;
    if (seq !== expected) broken.push(`${conversationId} has seq ${seq} where ${expected} is next`);
    seqs.set(conversationId, seq);
    if (BigInt(msgId) <= lastId) broken.push(`msgId ${msgId} follows ${lastId}`);
    lastId = BigInt(msgId);
    if (senderSeq === undefined) continue;
    const sender = `${conversationId} ${senderId}`;
    const high = numbers.get(sender) ?? 0;
    if (late !== true && senderSeq < high) broken.push(`${sender} has number ${senderSeq} after ${high}, not late`);
    if (late === true && senderSeq > high) broken.push(`${sender} has number ${senderSeq} after ${high}, and late`);
    numbers.set(sender, Math.max(high, senderSeq));
  }
  return broken;
}

function differencesFromRows(list: readonly Delivered[], postgres: MemoryPostgres, partition: number): string[] {
  const rows = postgres.rows(partition).flatMap(({ stamped }) => (stamped.kind === 'message' ? [stamped] : []));
  const told = list.map(({ msgId, conversationId, seq }) => `${msgId} ${conversationId} ${seq}`).join('\n');
  const kept = rows.map(({ msgId, conversationId, seq }) => `${msgId} ${conversationId} ${seq}`).join('\n');
  return told === kept ? [] : [`partition ${partition}: ${list.length} delivered differ from ${rows.length} stored`];
}

function lostIn(kafka: MemoryKafka, delivered: ReadonlyMap<string, Delivered>): string[] {
  const refused = new Set<string>();
  for (let p = 0; p < DLQ_PARTITIONS; p++) {
    for (const { headers } of committedIn(kafka, TOPICS.dlq, p)) {
      refused.add(`${String(headers['inorder-dlq-partition'])}/${String(headers['inorder-dlq-offset'])}`);
    }
  }
  const broken: string[] = [];
  for (let p = 0; p < INGEST_PARTITIONS; p++) {
    for (const { offset, value } of committedIn(kafka, TOPICS.ingest, p)) {
      const place = `${p}/${offset}`;
      const envelope = envelopeIn(String(value));
      const is = envelope && delivered.get(`group:${envelope.groupId} ${envelope.senderId} ${envelope.clientMsgId}`);
      const isDelivered = is !== null && is !== undefined && is.body === envelope?.body;
      if (!isDelivered && !refused.has(place)) broken.push(`the record at ingest ${place} is lost`);
      if (isDelivered && refused.has(place))
        broken.push(`the record at ingest ${place} is delivered and dead-lettered`);
    }
  }
  return broken;
}

function envelopeIn(text: string): SentEnvelope | null {
  try {
    const value = JSON.parse(text) as Partial<SentEnvelope>;
    return value.groupId !== undefined && value.clientMsgId !== undefined ? (value as SentEnvelope) : null;
  } catch {
    return null;
  }
}
