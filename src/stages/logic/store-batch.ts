/**
 * Decides a batch and stores it: load what is missing, decide, one statement. The caches are an optimisation; where
 * one was wrong PostgreSQL says `conflict` (nothing happened), the truth is looked up, and the batch is decided again.
 */
import type { Clock } from '../../clock/clock.js';
import { advance, decide, type LogicBatch } from '../../ordering/decide.js';
import { unknownConversations, unknownIdentities, unknownSenders } from '../../ordering/needs.js';
import type { Plan } from '../../ordering/plan.js';
import { contentHashOf, nextDueMs, type OrderingState } from '../../ordering/state.js';
import type { SenderHead, SenderKey } from '../../ordering/sender.js';
import type { LaneEpoch, Seq } from '../../protocol/ids.js';
import type { LaneStore } from './edges.js';
import { momentOf } from './moment.js';

/** A second conflict after everything was looked up means that somebody else writes: the lane must be taken again. */
const MAX_TRIES = 4;
/** Batches that look stored messages up beforehand, after a takeover and after a conflict: replays come in runs. */
const SUSPICIOUS_AFTER_TAKEOVER = 4;
const SUSPICIOUS_AFTER_CONFLICT = 16;

export type BatchOutcome =
  | { readonly kind: 'stored'; readonly plan: Plan; readonly conflictCount: number }
  | { readonly kind: 'fenced' }
  | { readonly kind: 'refused'; readonly cause: unknown; readonly retryable: boolean }
  | { readonly kind: 'unknown'; readonly cause: unknown };

const NO_SENDERS: ReadonlyMap<SenderKey, SenderHead> = new Map();

/** One reign's storing of batches, strictly one at a time. */
export class BatchStorer {
  #suspicious = SUSPICIOUS_AFTER_TAKEOVER;

  constructor(
    private readonly ordering: OrderingState,
    private readonly laneEpoch: LaneEpoch,
    private readonly store: LaneStore,
    private readonly clock: Clock,
  ) {}

  /** When held messages are due, on the monotonic clock; null where the next records come first, or nothing is held. */
  get dueMs(): number | null {
    return nextDueMs(this.ordering);
  }

  /** What the lane holds for gaps. */
  get heldCount(): number {
    return this.ordering.held.size;
  }

  /** Rejects where a look-up failed: nothing was stored then, but nothing is known of the database either. */
  async storeBatch(batch: LogicBatch): Promise<BatchOutcome> {
    const { ordering, store } = this;
    for (let conflictCount = 0; conflictCount < MAX_TRIES; conflictCount++) {
      await this.#loadHeads(batch);
      await this.#loadSenders(batch);
      if (this.#suspicious > 0) {
        this.#suspicious -= 1;
        await this.#learnStored(batch);
      }
      const plan = decide(ordering, batch, momentOf(this.clock));
      const outcome = await store.store(plan, this.laneEpoch);
      switch (outcome.kind) {
        case 'stored':
          advance(ordering, plan);
          return { kind: 'stored', plan, conflictCount };
        case 'fenced':
        case 'refused':
        case 'unknown':
          return outcome;
        case 'conflict':
          this.#suspicious = SUSPICIOUS_AFTER_CONFLICT;
          for (const conversationId of plan.heads.keys()) ordering.heads.delete(conversationId);
          for (const key of plan.senders.keys()) ordering.senders.delete(key);
      }
    }
    return { kind: 'unknown', cause: new Error(`still in conflict after ${MAX_TRIES} tries`) };
  }

  async #loadHeads(batch: LogicBatch): Promise<void> {
    const unknown = unknownConversations(this.ordering, batch);
    if (unknown.length === 0) return;
    const loaded = await this.store.heads(unknown);
    for (const conversationId of unknown) {
      this.ordering.heads.set(conversationId, loaded.get(conversationId) ?? (0 as Seq));
    }
  }

  /** After the heads of conversations: in a new one nobody has sent anything. */
  async #loadSenders(batch: LogicBatch): Promise<void> {
    const { ordering } = this;
    const unknown = unknownSenders(ordering, batch);
    if (unknown.size === 0) return;
    const asked = [...unknown.values()].filter(({ conversationId }) => ordering.heads.get(conversationId) !== 0);
    const loaded = asked.length === 0 ? NO_SENDERS : await this.store.senders(asked);
    for (const key of unknown.keys()) ordering.senders.set(key, loaded.get(key) ?? null);
  }

  async #learnStored(batch: LogicBatch): Promise<void> {
    const unseen = unknownIdentities(this.ordering, batch);
    if (unseen.length === 0) return;
    for (const { identity, contentHash } of await this.store.stored(unseen)) {
      this.ordering.seen.set(identity, contentHashOf(contentHash));
    }
  }
}
