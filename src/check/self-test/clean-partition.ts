/**
 * One partition of a history as a sound pipeline leaves it, drawn from a seed and made batch by batch: conversations of
 * several senders, resends, dead letters, transactions, aborted copies, takeovers, numbers that come late, lost sequence
 * files. Written apart from the pipeline: what the checker is tried on must not come from what it judges.
 */
import type {
  DeadLetterRecord,
  DeliveryRecord,
  IngestRecord,
  LanePosition,
  LogEnd,
  MessageRow,
  Said,
  Stamped,
} from '../evidence.js';
import { SeededDraws } from './seeded-draws.js';

export interface CleanHistoryOptions {
  readonly seed: number;
  readonly messages: number;
  readonly conversations: number;
  readonly partitions: number;
}

/** What one batch adds to a history. */
export interface CleanBatch {
  readonly ingest: IngestRecord[];
  readonly deadLetters: DeadLetterRecord[];
  readonly delivery: DeliveryRecord[];
  readonly rows: MessageRow[];
}

export const TOPICS = { ingest: 'im.ingest', delivery: 'im.delivery', dlq: 'im.dlq' } as const;

const START_MS = 1_767_225_600_000;
/** 2025-01-01T00:00Z, where the time in a `msgId` begins. */
const MSG_ID_EPOCH_MS = 1_735_689_600_000;
const BATCH_RECORDS = 20;
const SENDERS = 5;
const SHARE = { duplicate: 0.03, deadLetter: 0.01, abort: 0.05, takeover: 0.02, late: 0.02, reset: 0.002 } as const;

export class CleanPartition {
  readonly #partition: number;
  readonly #draws: SeededDraws;
  readonly #conversations: readonly string[];
  readonly #heads = new Map<string, number>();
  readonly #senders = new Map<string, number>();
  #nowMs = START_MS;
  #lastMsgId = 0n;
  #ingestOffset = 0;
  #deliveryOffset = 0;
  #deadLetterOffset = 0;
  #batch = 0;
  #transaction = 0;
  #epoch = 1;
  #said = 0;

  constructor({ seed, conversations, partitions }: CleanHistoryOptions, partition: number) {
    this.#partition = partition;
    this.#draws = new SeededDraws(seed * 1_024 + partition);
    const count = Math.max(1, Math.floor(conversations / partitions));
    this.#conversations = Array.from({ length: count }, (_, n) => `group:g${partition}-${n}`);
  }

  /** The next batch, of about 20 messages. */
  next(): CleanBatch {
    const made: CleanBatch = { ingest: [], deadLetters: [], delivery: [], rows: [] };
    this.#nowMs += this.#draws.below(40) + 1;
    this.#batch += 1;
    if (this.#draws.chance(SHARE.takeover)) this.#epoch += 1;
    for (let i = 0; i < BATCH_RECORDS; i++) this.#ingest(made);
    if (this.#draws.chance(SHARE.abort)) this.#forward(made, 'aborted');
    this.#forward(made, 'committed');
    return made;
  }

  /** Where the lane and its topic stand. */
  ends(): { lane: LanePosition; logEnd: LogEnd } {
    const partition = this.#partition;
    const lastMsgId = String(this.#lastMsgId);
    const nextOffset = this.#ingestOffset;
    const endOffset = this.#deliveryOffset;
    return {
      lane: { partition, nextOffset, lastMsgId, committedOffset: nextOffset, watermark: lastMsgId },
      logEnd: { topic: TOPICS.delivery, partition, stableOffset: endOffset, endOffset, openForMs: null },
    };
  }

  #ingest({ ingest, deadLetters, rows }: CleanBatch): void {
    const draws = this.#draws;
    const partition = this.#partition;
    const place = { partition, offset: this.#ingestOffset++ };
    if (draws.chance(SHARE.deadLetter)) {
      ingest.push({ partition, offset: place.offset, said: null });
      deadLetters.push({ partition, offset: this.#deadLetterOffset++, reason: 'not_json', place });
      return;
    }
    const earlier = rows[draws.below(rows.length)];
    if (earlier !== undefined && draws.chance(SHARE.duplicate)) {
      ingest.push({ partition, offset: place.offset, said: { ...saidOf(earlier), sentAt: this.#nowMs } });
      return;
    }
    const { said, late } = this.#say();
    ingest.push({ partition, offset: place.offset, said });
    const seq = (this.#heads.get(said.conversationId) ?? 0) + 1;
    this.#heads.set(said.conversationId, seq);
    rows.push({
      conversationId: said.conversationId,
      senderId: said.senderId,
      clientMsgId: said.clientMsgId,
      sentAt: said.sentAt,
      senderSeq: said.senderSeq,
      senderEpoch: said.senderEpoch,
      body: said.body,
      meta: said.meta,
      seq,
      msgId: this.#nextMsgId(),
      receivedAt: this.#nowMs - 5,
      stampedAt: this.#nowMs,
      late,
      partition,
      laneEpoch: this.#epoch,
      batch: `${partition}/${this.#batch}`,
      place,
    });
  }

  #say(): { said: Said; late: boolean } {
    const draws = this.#draws;
    const conversationId = this.#conversations[draws.below(this.#conversations.length)] as string;
    const senderId = `u${draws.below(SENDERS)}`;
    const key = `${conversationId} ${senderId}`;
    const before = this.#senders.get(key) ?? 0;
    const late = before > 0 && draws.chance(SHARE.late);
    const isReset = !late && before > 0 && draws.chance(SHARE.reset);
    if (isReset) this.#nowMs += 13 * 60 * 60 * 1_000; // the sender lost its file, and was away for long
    const senderSeq = late ? before : isReset ? 1 : before + 1;
    this.#senders.set(key, senderSeq);
    const n = this.#said++;
    const said: Said = {
      conversationId,
      senderId,
      clientMsgId: `c${this.#partition}-${n}`,
      sentAt: this.#nowMs - 20,
      senderSeq,
      senderEpoch: null,
      // In one piece, as what is read of a topic: pieces would be joined while they are judged.
      body: JSON.stringify({ text: `message ${n} says what people say`, n }),
      meta: n % 10 === 0 ? '{"client":"self-test"}' : null,
    };
    return { said, late };
  }

  #nextMsgId(): string {
    const floor = (BigInt(this.#nowMs - MSG_ID_EPOCH_MS) << 22n) | (BigInt(this.#partition) << 12n);
    this.#lastMsgId = floor > this.#lastMsgId ? floor : this.#lastMsgId + 1n;
    return String(this.#lastMsgId);
  }

  #forward({ delivery, rows }: CleanBatch, outcome: 'committed' | 'aborted'): void {
    const transaction = this.#transaction++;
    for (const row of rows) {
      delivery.push({
        partition: this.#partition,
        offset: this.#deliveryOffset++,
        timestampMs: this.#nowMs + 3,
        outcome,
        transaction,
        laneEpoch: this.#epoch,
        message: stampedOf(row),
        fault: null,
      });
    }
    this.#deliveryOffset += 1; // the transaction's marker
  }
}

/** Field by field: a spread a message would take longer than the judging. */
function stampedOf(row: MessageRow): Stamped {
  return {
    conversationId: row.conversationId,
    senderId: row.senderId,
    clientMsgId: row.clientMsgId,
    sentAt: row.sentAt,
    senderSeq: row.senderSeq,
    senderEpoch: row.senderEpoch,
    body: row.body,
    meta: row.meta,
    seq: row.seq,
    msgId: row.msgId,
    receivedAt: row.receivedAt,
    stampedAt: row.stampedAt,
    late: row.late,
  };
}

function saidOf({ conversationId, senderId, clientMsgId, sentAt, senderSeq, senderEpoch, body, meta }: Said): Said {
  return { conversationId, senderId, clientMsgId, sentAt, senderSeq, senderEpoch, body, meta };
}
