/** What producers send in a simulation: numbered and unnumbered senders, retries, conflicts, and records that are none. */
import type { Random } from './random.js';
import { INGEST_PARTITIONS } from './sim-servers.js';

export interface Sent {
  readonly atMs: number;
  readonly partition: number;
  readonly value: Buffer;
  /** Null where the record is no envelope. */
  readonly envelope: SentEnvelope | null;
}

export interface SentEnvelope {
  readonly senderId: string;
  readonly groupId: string;
  readonly clientMsgId: string;
  readonly sentAt: number;
  readonly body: string;
  readonly senderSeq?: number;
  readonly prevSenderSeq?: number;
}

const GARBAGE = ['', 'not json', '{"senderId":"a"}', '[]', '{"sender_seq":1}'];

export function workload(random: Random, count: number, overMs: number): Sent[] {
  const last = new Map<string, number>();
  const sent: Sent[] = [];
  for (let i = 0; i < count; i++) {
    const atMs = Math.floor((overMs * i) / count) + random.below(600); // networks reorder what was sent in order
    const partition = random.below(INGEST_PARTITIONS);
    const fate = random.below(20);
    const earlier = sent[random.below(sent.length)]?.envelope ?? null;
    if (fate === 0) {
      const value = Buffer.from(GARBAGE[random.below(GARBAGE.length)] ?? '');
      sent.push({ atMs, partition, value, envelope: null });
    } else if (fate <= 2 && earlier !== null) {
      // A retry; or the same clientMsgId used for something else.
      push(sent, atMs, partition, fate === 1 ? earlier : { ...earlier, body: `other ${i}` });
    } else {
      push(sent, atMs, partition, next(random, last, i));
    }
  }
  return sent;
}

function next(random: Random, last: Map<string, number>, i: number): SentEnvelope {
  const groupId = `g${random.below(5)}`;
  const senderId = `s${random.below(3)}`;
  const envelope = {
    senderId,
    groupId,
    clientMsgId: `m${i}`,
    sentAt: Date.UTC(2026, 0, 1) + i * 1_000,
    body: `text ${i}`,
  };
  if (senderId === 's0') return envelope; // one that does not number
  const key = `${senderId} ${groupId}`;
  const prevSenderSeq = last.get(key) ?? 0;
  last.set(key, i + 1);
  return { ...envelope, senderSeq: i + 1, prevSenderSeq };
}

function push(sent: Sent[], atMs: number, partition: number, envelope: SentEnvelope): void {
  sent.push({ atMs, partition, value: Buffer.from(JSON.stringify(envelope)), envelope });
}
