/**
 * Sends a person's messages: builds the envelope, numbers it, and hands it to a transport until that takes it.
 *
 * One message of a conversation is on its way at a time, in the order of the calls; conversations don't wait for each
 * other. So the network has nothing to shuffle but repetitions, which the pipeline drops: a message sent again is the
 * same envelope, with the same `clientMsgId` and the same numbers.
 *
 * A message gets its numbers when its turn comes: one that is aborted while it waits takes none, and leaves no
 * gap that a lane would wait for.
 */
import { InorderError, messageOf } from '../errors.js';
import { conversationIdOf } from '../protocol/conversation-id.js';
import { attempt, linked, pause, settleRetry, type RetryPolicy } from './attempts.js';
import {
  assertId,
  envelopeOf,
  type OutgoingEnvelope,
  type OutgoingMessage,
  type UnnumberedEnvelope,
} from './envelope.js';
import type { SequenceStore } from './sequence-store.js';

/**
 * Hands an envelope to the pipeline: resolves when it is safe there (Kafka acknowledged it, say), rejects when it isn't,
 * or when nobody knows. An error whose `retryable` is false is not tried again.
 * @param context.signal aborts when the sender no longer waits for it
 */
export type Transport = (envelope: OutgoingEnvelope, context: { readonly signal: AbortSignal }) => Promise<void>;

export type SendResult =
  | { readonly kind: 'sent'; readonly envelope: OutgoingEnvelope; readonly attempts: number }
  /** Given up: it may have arrived or not. `resend(envelope)` tries on, with the same identity. */
  | {
      readonly kind: 'unknown';
      readonly envelope: OutgoingEnvelope;
      readonly attempts: number;
      readonly reason: string;
    }
  /** Never handed to the transport, and without a number. */
  | {
      readonly kind: 'not_sent';
      readonly why: 'aborted' | 'closed' | 'queue_full' | 'no_number';
      readonly reason: string;
    };

export interface SenderOptions {
  readonly senderId: string;
  readonly sequence: SequenceStore;
  readonly transport: Transport;
  readonly retry?: Partial<RetryPolicy>;
  /** Messages that wait or are on their way, over all conversations; 10,000 unless given. */
  readonly maxQueued?: number;
  /** The pipeline's limit of an envelope; 256 KiB unless given, as the pipeline has it. */
  readonly maxBytes?: number;
  /** Wall clock, ms since 1970. */
  readonly nowMs?: () => number;
  readonly newId?: () => string;
}

interface Turn {
  readonly envelope: UnnumberedEnvelope | OutgoingEnvelope;
  readonly signal: AbortSignal | null;
  readonly done: (result: SendResult) => void;
}

const DEFAULT_MAX_QUEUED = 10_000;
const DEFAULT_MAX_BYTES = 256 * 1024;
const DEFAULT_DRAIN_MS = 5_000;

export class Sender {
  readonly #senderId: string;
  readonly #sequence: SequenceStore;
  readonly #transport: Transport;
  readonly #retry: RetryPolicy;
  readonly #maxQueued: number;
  readonly #defaults: Parameters<typeof envelopeOf>[2];
  /** Turns by conversation, the first of each on its way. */
  readonly #queues = new Map<string, Turn[]>();
  readonly #closing = new AbortController();
  #queuedCount = 0;
  #isClosed = false;
  #whenIdle: (() => void) | null = null;

  /** @throws InorderError usage naming the option */
  constructor(options: SenderOptions) {
    const { senderId, maxQueued = DEFAULT_MAX_QUEUED, maxBytes = DEFAULT_MAX_BYTES } = options;
    assertId('senderId', senderId);
    if (!Number.isInteger(maxQueued) || maxQueued < 1) {
      throw new InorderError('usage', `maxQueued is ${maxQueued}: expected an integer of at least 1`);
    }
    this.#senderId = senderId;
    this.#sequence = options.sequence;
    this.#transport = options.transport;
    this.#retry = settleRetry(options.retry ?? {});
    this.#maxQueued = maxQueued;
    this.#defaults = {
      newId: options.newId ?? (() => globalThis.crypto.randomUUID()),
      nowMs: options.nowMs ?? (() => Date.now()),
      maxBytes,
    };
  }

  /**
   * Resolves when the message has arrived, or was given up. Never rejects for what the network or the disk does.
   * @param options.signal gives the message up: before its turn it is not sent, afterwards its outcome is unknown
   * @throws InorderError usage: the message isn't one, and the sentence says which field is wrong
   */
  async send(message: OutgoingMessage, { signal }: { readonly signal?: AbortSignal } = {}): Promise<SendResult> {
    return this.#queue(envelopeOf(this.#senderId, message, this.#defaults), signal ?? null);
  }

  /** Sends an envelope of an 'unknown' result, or of a life before, once more: as it is, in its conversation's turn. */
  async resend(envelope: OutgoingEnvelope, { signal }: { readonly signal?: AbortSignal } = {}): Promise<SendResult> {
    return this.#queue(envelope, signal ?? null);
  }

  /**
   * Takes no more; waits for what is queued, up to `drainMs` (5 s unless given), then gives it up. The sequence store
   * stays open: it is the caller's.
   */
  async close({ drainMs = DEFAULT_DRAIN_MS }: { readonly drainMs?: number } = {}): Promise<void> {
    this.#isClosed = true;
    if (this.#queuedCount === 0) return;
    const idle = new Promise<void>((resolve) => (this.#whenIdle = resolve));
    const timer = setTimeout(() => this.#closing.abort(), drainMs);
    await idle;
    clearTimeout(timer);
  }

  #queue(envelope: UnnumberedEnvelope | OutgoingEnvelope, signal: AbortSignal | null): Promise<SendResult> {
    if (this.#isClosed) return Promise.resolve(notSent('closed', 'the sender is closed'));
    if (this.#queuedCount >= this.#maxQueued) {
      return Promise.resolve(notSent('queue_full', `${this.#queuedCount} messages wait to be sent already`));
    }
    this.#queuedCount += 1;
    const { senderId, receiverId, groupId } = envelope;
    const conversationId = conversationIdOf(senderId, receiverId ?? null, groupId ?? null);
    return new Promise((done) => {
      const turn: Turn = { envelope, signal, done };
      const waiting = this.#queues.get(conversationId);
      if (waiting !== undefined) waiting.push(turn);
      else {
        const turns = [turn];
        this.#queues.set(conversationId, turns);
        void this.#work(conversationId, turns);
      }
    });
  }

  /** One conversation, one message after the other, until none waits. Never rejects. */
  async #work(conversationId: string, turns: Turn[]): Promise<void> {
    for (let turn = turns[0]; turn !== undefined; turn = turns[0]) {
      const result = await this.#take(conversationId, turn);
      turns.shift();
      this.#queuedCount -= 1;
      turn.done(result);
    }
    this.#queues.delete(conversationId);
    if (this.#queuedCount === 0) this.#whenIdle?.();
  }

  async #take(conversationId: string, { envelope, signal }: Turn): Promise<SendResult> {
    if (signal?.aborted === true) return notSent('aborted', 'it was aborted before its turn');
    if (this.#closing.signal.aborted) return notSent('closed', 'the sender was closed before its turn');
    if ('senderSeq' in envelope) return this.#transmit(envelope, signal);
    try {
      return await this.#transmit({ ...envelope, ...(await this.#sequence.next(conversationId)) }, signal);
    } catch (error) {
      return notSent('no_number', messageOf(error));
    }
  }

  /** Never rejects. */
  async #transmit(envelope: OutgoingEnvelope, signal: AbortSignal | null): Promise<SendResult> {
    const stop = linked(signal === null ? [this.#closing.signal] : [this.#closing.signal, signal]);
    try {
      for (let attempts = 1; ; attempts++) {
        const hand = (context: { readonly signal: AbortSignal }): Promise<void> => this.#transport(envelope, context);
        const outcome = await attempt(hand, this.#retry.attemptTimeoutMs, stop.signal);
        if (outcome.kind === 'done') return { kind: 'sent', envelope, attempts };
        const isOver = !outcome.mayPass || attempts >= this.#retry.maxAttempts;
        if (!isOver && (await pause(this.#retry, attempts, stop.signal))) continue;
        return { kind: 'unknown', envelope, attempts, reason: outcome.reason };
      }
    } finally {
      stop.unlink();
    }
  }
}

function notSent(why: (SendResult & { kind: 'not_sent' })['why'], reason: string): SendResult {
  return { kind: 'not_sent', why, reason };
}
