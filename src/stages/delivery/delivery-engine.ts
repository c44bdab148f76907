/**
 * The delivery consumer behind its ports: takes batches in, gives each conversation its turns, commits what is
 * finished without exception. `DeliveryConsumer` puts the real servers to it.
 *
 * Rebalances: a partition that went away ends at once (assigned-partition.ts); handlers still running finish for
 * nothing, and should the partition come back meanwhile, their conversation waits for them (turns.ts). A partition
 * that stays goes on where it was: fetching is sent to where it had come, for the source would start again at the
 * committed offset and everything handled since would be handled twice. If another member had it in between, unseen,
 * what that one handled is handled again, in order: that is at least once.
 */
import { InorderError, messageOf } from '../../errors.js';
import { failpoint } from '../../failpoint.js';
import { unreachable } from '../../invariant.js';
import type { CommitPosition, GroupBatch, GroupSourceHandlers } from '../../kafka/group-contract.js';
import type { UndecodableBatch } from '../../kafka/read-records.js';
import type { HealthReport } from '../../observe/health.js';
import type { KafkaRecord } from '../../record.js';
import { inOffsetOrder, isUndecodable } from '../in-offset-order.js';
import { PacedCommits } from '../paced-commits.js';
import type { RecordSource } from '../ports.js';
import { AssignedPartition, type PartitionLimits } from './assigned-partition.js';
import type { Conversation, PendingRecord } from './conversation.js';
import type { DeadLetterWriter } from './dead-letter-writer.js';
import { deliverRecord, type DeliverDeps, type TurnOutcome } from './deliver-record.js';
import { readDelivery } from './read-delivery.js';
import { findStart, type StartPositions } from './start-position.js';
import { Turns } from './turns.js';

export interface DeliveryEngineDeps extends Omit<DeliverDeps, 'deadLetters'> {
  /** Makes the group's source; called once, by the constructor. It hands out what can't be decoded. */
  readonly openSource: (handlers: GroupSourceHandlers) => RecordSource;
  readonly deadLetters: Pick<DeadLetterWriter, 'write' | 'close' | 'trouble'>;
  /** Null where a partition without a committed offset begins at its first record. */
  readonly startPositions: StartPositions | null;
  readonly concurrency: number;
  readonly limits: PartitionLimits;
  readonly commitIntervalMs: number;
  /** Called once when the consumer can't go on. */
  readonly onFatal: (error: InorderError) => void;
}

/** The part of a stop's deadline that handlers may take; the rest is for the last commit. */
const HANDLING_SHARE = 0.75;
const MAX_NAMED_HALTS = 5;

type EngineState = 'new' | 'running' | 'stopping' | 'stopped' | 'failed';

export class DeliveryEngine {
  readonly #deps: DeliveryEngineDeps;
  readonly #source: RecordSource;
  readonly #turns: Turns;
  readonly #commits: PacedCommits;
  readonly #partitions = new Map<number, AssignedPartition>();
  #state: EngineState = 'new';
  #failure: string | null = null;
  #assigned = false;
  #stopped: Promise<void> | null = null;

  constructor(deps: DeliveryEngineDeps) {
    this.#deps = deps;
    const { topics, concurrency, commitIntervalMs, clock, log } = deps;
    this.#source = deps.openSource({
      onAssigned: (assignment) => {
        this.#assign(assignment.get(topics.delivery) ?? []);
      },
      onBatch: (batch) => {
        this.#offer(batch);
      },
      onFatal: (error) => {
        this.#fail(error);
      },
    });
    this.#turns = new Turns(concurrency, (conversation) => this.#turn(conversation));
    this.#commits = new PacedCommits({
      cursors: () => this.#partitions.values(),
      commit: (positions) => this.#commit(positions),
      intervalMs: commitIntervalMs,
      clock,
      log,
    });
  }

  /** Resolves once the group was joined. A start that fails leaves nothing behind. */
  async start(): Promise<void> {
    this.#state = 'running';
    try {
      await this.#source.start();
    } catch (error) {
      await this.stop(0);
      throw error;
    }
  }

  /** Takes no more, lets running handlers end until most of the deadline is over, commits, leaves. Never rejects. */
  stop(deadlineMs: number): Promise<void> {
    this.#stopped ??= this.#stop(deadlineMs);
    return this.#stopped;
  }

  health(): HealthReport {
    const reasons = [...this.#unready()];
    return { ready: reasons.length === 0, reasons };
  }

  *#unready(): Generator<string> {
    if (this.#failure !== null) yield `delivery: failed: ${this.#failure}`;
    else if (this.#state !== 'running') yield `delivery: is ${this.#state}`;
    else if (!this.#assigned) yield 'delivery: not yet in the group';
    const { trouble } = this.#deps.deadLetters;
    if (trouble !== null) yield `delivery: can't write dead letters: ${trouble}`;
    const halted = this.#halted();
    for (const { id, haltedBy } of halted.slice(0, MAX_NAMED_HALTS)) {
      yield `delivery: conversation ${id} halted at ${haltedBy}`;
    }
    if (halted.length > MAX_NAMED_HALTS) yield `delivery: ${halted.length} conversations halted in all`;
  }

  async #stop(deadlineMs: number): Promise<void> {
    const { deadLetters, log } = this.#deps;
    if (this.#state !== 'failed') this.#state = 'stopping';
    const handlersEnd = this.#turns.finish();
    for (const { closing } of this.#partitions.values()) closing.abort();
    await this.#within(deadlineMs * HANDLING_SHARE, handlersEnd);
    if (this.#turns.runningCount > 0) {
      log.warn('handlers still run at the end of the stop, their messages will be handled again', {
        count: this.#turns.runningCount,
      });
    }
    for (const { ended } of this.#partitions.values()) ended.abort();
    await this.#within(deadlineMs * (1 - HANDLING_SHARE), this.#commits.finish());
    await this.#source.stop().catch((error: unknown) => {
      log.warn('delivery: leaving the group failed', { error: messageOf(error) });
    });
    await deadLetters.close();
    this.#state = 'stopped';
    log.info('delivery stopped');
  }

  async #within(ms: number, work: Promise<void>): Promise<void> {
    const done = new AbortController();
    const late = this.#deps.clock.sleep(ms, done.signal);
    await Promise.race([work, late]);
    done.abort();
  }

  #assign(partitions: readonly number[]): void {
    if (this.#state !== 'running') return;
    this.#assigned = true;
    const gone: number[] = [];
    for (const [number, former] of this.#partitions) {
      if (partitions.includes(number)) continue;
      this.#partitions.delete(number);
      former.revoke();
      gone.push(number);
    }
    for (const number of partitions) {
      const kept = this.#partitions.get(number);
      if (kept === undefined) this.#begin(number);
      else this.#openSource(kept);
    }
    this.#deps.metrics.held(this.#partitions.size, gone);
    this.#deps.log.info('delivery partitions assigned', { partitions: [...partitions].sort((a, b) => a - b), gone });
  }

  #begin(number: number): void {
    const { topics, limits, startPositions } = this.#deps;
    const partition = new AssignedPartition(topics.delivery, number, limits);
    this.#partitions.set(number, partition);
    if (startPositions !== null) void this.#findStart(partition, startPositions);
  }

  async #findStart(partition: AssignedPartition, startPositions: StartPositions): Promise<void> {
    partition.paused = true;
    this.#openSource(partition);
    const start = await findStart({ ...this.#deps, startPositions }, partition.partition, partition.closing.signal);
    if (partition.closing.signal.aborted) return;
    if (start !== null) partition.startAt(start);
    partition.paused = false;
    this.#openSource(partition);
    this.#source.resume(partition.topic, partition.partition);
    this.#commits.moved();
  }

  /** A generation of the group begins at the committed offsets, with nothing paused. */
  #openSource({ topic, partition, fetchOffset, paused }: AssignedPartition): void {
    if (fetchOffset !== null) this.#source.seek(topic, partition, fetchOffset);
    if (paused) this.#source.pause(topic, partition);
  }

  #offer(batch: GroupBatch): void {
    const partition = this.#partitions.get(batch.partition);
    if (this.#state !== 'running' || partition === undefined) return;
    partition.highWatermark = batch.highWatermark;
    const endOffset = batch.undecodable.length === 0 ? batch.records.at(-1)?.offset : undefined;
    for (const fetched of inOffsetOrder(batch)) {
      if (isUndecodable(fetched)) {
        const record = asRecord(batch, fetched);
        this.#take(partition, record, { unreadable: fetched.reason }, fetched.lastOffset + 1);
      } else {
        // Behind the last record lie only markers: what is past the one is past the others.
        const nextOffset = fetched.offset === endOffset ? batch.nextOffset : fetched.offset + 1;
        this.#take(partition, fetched, readDelivery(fetched), nextOffset);
      }
    }
    this.#pauseWhenFull(partition);
  }

  #take(
    partition: AssignedPartition,
    record: KafkaRecord,
    content: PendingRecord['content'],
    nextOffset: number,
  ): void {
    const conversation = partition.take(record, content, nextOffset);
    if (conversation !== null) this.#turns.offer(conversation);
  }

  async #turn(conversation: Conversation): Promise<void> {
    const { partition, next: pending } = conversation;
    if (pending === undefined || partition.isOver()) return;
    try {
      const outcome = await deliverRecord(this.#deps, conversation, pending);
      if (!partition.isOver()) this.#settle(conversation, pending, outcome);
    } catch (error) {
      this.#fail(asFatal(error));
    }
  }

  #settle(conversation: Conversation, pending: PendingRecord, outcome: TurnOutcome): void {
    const { partition } = conversation;
    switch (outcome.kind) {
      case 'done':
        if (partition.finish(conversation, pending)) this.#commits.moved();
        break;
      case 'halted':
        partition.halt(conversation, outcome.why);
        this.#deps.metrics.halted();
        break;
      case 'abandoned': // turns have ended; the record stays unfinished
        break;
      default:
        unreachable(outcome);
    }
    this.#resumeWhenLow(partition);
  }

  #pauseWhenFull(partition: AssignedPartition): void {
    if (partition.paused || !partition.isFull) return;
    partition.paused = true;
    this.#source.pause(partition.topic, partition.partition);
    const halted = [...partition.halted()].length;
    if (halted === 0) return;
    this.#deps.log.error('halted conversations hold so much back that their partition pauses', {
      partition: partition.partition,
      haltedConversations: halted,
    });
  }

  #resumeWhenLow(partition: AssignedPartition): void {
    if (!partition.paused || !partition.isLow) return;
    partition.paused = false;
    this.#source.resume(partition.topic, partition.partition);
  }

  async #commit(positions: readonly CommitPosition[]): Promise<void> {
    if (failpoint !== null) await failpoint('delivery.before_commit');
    await this.#source.commit(positions);
    if (failpoint !== null) await failpoint('delivery.after_commit');
    for (const { partition, nextOffset } of positions) {
      const held = this.#partitions.get(partition);
      if (held !== undefined) this.#deps.metrics.lag(partition, Math.max(0, held.highWatermark - nextOffset));
    }
  }

  #halted(): Conversation[] {
    return [...this.#partitions.values()].flatMap((partition) => [...partition.halted()]);
  }

  #fail(error: InorderError): void {
    if (this.#state !== 'running') return;
    this.#state = 'failed';
    this.#failure = error.message;
    void this.#turns.finish();
    this.#deps.onFatal(error);
  }
}

/** What can't be decoded, as one record: its bytes as they lie in the log. */
function asRecord(
  { topic, partition }: GroupBatch,
  { firstOffset: offset, timestampMs, bytes: value }: UndecodableBatch,
): KafkaRecord {
  return { topic, partition, offset, timestampMs, key: null, value, headers: {} };
}

function asFatal(error: unknown): InorderError {
  if (error instanceof InorderError) return error;
  return new InorderError('invariant_broken', `delivery: ${messageOf(error)}`, { cause: error });
}
