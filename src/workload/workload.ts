/**
 * Synthetic input: chats of which some are hot, resends, and broken records of every kind, drawn from a seed. The same
 * options give the same bytes; what must come out is counted on the way, so that totals can be added up afterwards.
 */
import type { ConversationId } from '../protocol/ids.js';
import type { DeadLetterReason } from '../protocol/reasons.js';
import type { RecordHeaders } from '../record.js';
import { BAD_RECORDS, objectText, type Members } from './bad-records.js';
import { syntheticConversations, type SyntheticConversation } from './conversations.js';
import { SeededRandom, SkewedRanks } from './random.js';

export interface WorkloadOptions {
  readonly seed: number;
  readonly conversations: number;
  /** Share of records, 0 to 1, that repeat an earlier message. */
  readonly duplicateShare: number;
  /** Share of records, 0 to 1, that are broken. */
  readonly badShare: number;
  /** `sentAt` of the first message, ms since 1970; later ones follow a millisecond apart. */
  readonly startMs: number;
  /** The pipeline's limit; oversized records are just above it. */
  readonly maxValueBytes: number;
}

export interface WorkloadRecord {
  /** The conversation id (a broken record's, too: it lands among that conversation's messages). */
  readonly key: Buffer;
  readonly value: Buffer | null;
  readonly headers: RecordHeaders;
}

/** What the pipeline must make of the records drawn so far. */
export interface ExpectedCounts {
  records: number;
  messages: number;
  /** Same identity, same content: dropped and counted. */
  duplicates: number;
  deadLetters: number;
  readonly deadLettersByReason: Map<DeadLetterReason, number>;
  readonly messagesByConversation: Map<ConversationId, number>;
}

interface Sent {
  readonly conversation: SyntheticConversation;
  readonly members: Members;
}

const HOTNESS = 1.0;
/** A resend repeats one of the last this many messages: a client that timed out, not one that slept for a day. */
const RESEND_WINDOW = 2_000;
const META_SHARE = 0.1;
/** Of the bad records, how many repeat an identity with other content. */
const CONFLICT_SHARE = 0.05;
const WORDS = [
  'hello',
  'see you',
  'ok',
  '好的',
  '在吗',
  '👍',
  'on my way',
  '"quoted"',
  'line\nbreak',
  'tab\tbed',
] as const;
/** Values that a reader which parses and prints again would change. */
const EXACT_BODIES = [
  '9007199254740993',
  '1e400',
  '0.1000000000000000055511151231257827',
  '{"a" : [1.0, 1e3]}',
  'null',
] as const;
const LONGEST_TEXT_WORDS = 40;

export class Workload {
  readonly expected: ExpectedCounts = {
    records: 0,
    messages: 0,
    duplicates: 0,
    deadLetters: 0,
    deadLettersByReason: new Map(),
    messagesByConversation: new Map(),
  };
  readonly #options: WorkloadOptions;
  readonly #random: SeededRandom;
  readonly #ranks: SkewedRanks;
  readonly #conversations: readonly SyntheticConversation[];
  readonly #recent: Sent[] = [];
  /** Last `senderSeq` by sender, and by sender and conversation. */
  readonly #lastNumber = new Map<string, number>();
  readonly #lastInConversation = new Map<string, number>();

  constructor(options: WorkloadOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    this.#ranks = new SkewedRanks(options.conversations, HOTNESS);
    this.#conversations = syntheticConversations(options.conversations, this.#random);
  }

  next(): WorkloadRecord {
    const { badShare, duplicateShare } = this.#options;
    this.expected.records += 1;
    const draw = this.#random.fraction();
    if (draw < badShare) return this.#bad();
    const earlier = draw < badShare + duplicateShare ? this.#earlier() : undefined;
    return earlier === undefined ? this.#message() : this.#resend(earlier);
  }

  #message(): WorkloadRecord {
    const sent = this.#sound();
    const at = this.expected.messages % RESEND_WINDOW;
    this.#recent[at] = sent;
    this.expected.messages += 1;
    increment(this.expected.messagesByConversation, sent.conversation.id);
    return record(sent.conversation, Buffer.from(objectText(sent.members), 'utf8'));
  }

  /** The same content; the clock may have moved on, which changes nothing. */
  #resend({ conversation, members }: Sent): WorkloadRecord {
    this.expected.duplicates += 1;
    const sentAt = this.#random.chance(0.5) ? this.#sentAt() : (members['sentAt'] ?? this.#sentAt());
    return record(conversation, Buffer.from(objectText({ ...members, sentAt }), 'utf8'));
  }

  #bad(): WorkloadRecord {
    const earlier = this.#random.chance(CONFLICT_SHARE) ? this.#earlier() : undefined;
    if (earlier !== undefined) {
      this.#refused('conflicting_duplicate');
      const body = JSON.stringify(`not what was said before, ${this.expected.records}`);
      return record(earlier.conversation, Buffer.from(objectText({ ...earlier.members, body }), 'utf8'));
    }
    const { reason, make } = this.#random.pick(BAD_RECORDS);
    const { conversation, members } = this.#sound({ numbered: false });
    this.#refused(reason);
    return record(conversation, make(members, this.#random, this.#options.maxValueBytes));
  }

  #refused(reason: DeadLetterReason): void {
    this.expected.deadLetters += 1;
    increment(this.expected.deadLettersByReason, reason);
  }

  #earlier(): Sent | undefined {
    return this.#recent[this.#random.between(0, this.#recent.length - 1)];
  }

  /** A sound envelope of some member of some conversation. One that will be broken takes no number of its sender's. */
  #sound({ numbered = true } = {}): Sent {
    const random = this.#random;
    const conversation = this.#conversations[this.#ranks.draw(random)] as SyntheticConversation;
    const { groupId, members: people } = conversation;
    const sender = random.pick(people);
    const receiver = groupId === null ? (people.find((person) => person !== sender) ?? sender) : null;
    const target: Members =
      receiver === null ? { groupId: JSON.stringify(groupId) } : { receiverId: JSON.stringify(receiver) };
    const members: Members = {
      senderId: JSON.stringify(sender),
      ...target,
      clientMsgId: JSON.stringify(`w${this.#options.seed}-${this.expected.records}`),
      sentAt: this.#sentAt(),
      ...(numbered ? this.#numbers(sender, conversation.id) : {}),
      body: this.#body(),
      ...(random.chance(META_SHARE) ? { meta: `{"client":"workload","n":${random.between(0, 9)}}` } : {}),
    };
    return { conversation, members };
  }

  #numbers(sender: string, conversationId: ConversationId): Members {
    const here = `${conversationId}\0${sender}`;
    const senderSeq = (this.#lastNumber.get(sender) ?? 0) + 1;
    const prevSenderSeq = this.#lastInConversation.get(here) ?? 0;
    this.#lastNumber.set(sender, senderSeq);
    this.#lastInConversation.set(here, senderSeq);
    return { senderSeq: String(senderSeq), prevSenderSeq: String(prevSenderSeq) };
  }

  #sentAt(): string {
    return String(this.#options.startMs + this.expected.records);
  }

  #body(): string {
    const random = this.#random;
    if (random.chance(0.02)) return random.pick(EXACT_BODIES);
    const words = Array.from({ length: random.between(1, LONGEST_TEXT_WORDS) }, () => random.pick(WORDS));
    return JSON.stringify({ text: words.join(' ') });
  }
}

function record({ id }: SyntheticConversation, value: Buffer | null): WorkloadRecord {
  return { key: Buffer.from(id, 'utf8'), value, headers: {} };
}

function increment<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
