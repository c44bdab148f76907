/**
 * The ingest stage: reads `im.ingest` as a member of a group, judges and routes each record, writes it to `im.logic` or
 * `im.dlq`, and commits what was acknowledged. Makes duplicates after a crash or a rebalance (the lanes drop them),
 * never a loss, never an inversion: see send-loop.ts.
 *
 * Throws: `start`, where Kafka can't be reached. Ends: by `stop`; or by `onFatal`, once, and the process must exit.
 */
import type { Clock } from '../../clock/clock.js';
import { InorderError, messageOf } from '../../errors.js';
import { failpoint } from '../../failpoint.js';
import type { GroupBatch, GroupSourceHandlers } from '../../kafka/group-contract.js';
import type { HealthReport } from '../../observe/health.js';
import type { Log } from '../../observe/log.js';
import type { Backoff } from '../backoff.js';
import { inOffsetOrder, isUndecodable } from '../in-offset-order.js';
import { PacedCommits } from '../paced-commits.js';
import type { RecordProducer, RecordSource } from '../ports.js';
import { Intake, type Chunk, type ChunkLimits } from './intake.js';
import type { IngestMetrics } from './metrics.js';
import type { QueueLimits } from '../bounded-queue.js';
import type { RecordRouter } from './route-record.js';
import { SendLoop } from './send-loop.js';

export interface IngestLimits {
  /** What waits to be sent, per partition of `im.ingest`. */
  readonly queue: QueueLimits;
  readonly chunk: ChunkLimits;
  readonly backoff: Backoff;
  readonly commitIntervalMs: number;
}

export const INGEST_LIMITS: IngestLimits = {
  queue: { maxRecords: 4_000, maxBytes: 4 * 1024 * 1024 },
  chunk: { maxRecords: 2_000, maxBytes: 1024 * 1024 },
  backoff: { initialMs: 50, maxMs: 5_000, jitter: 0.5 },
  commitIntervalMs: 250,
};

export interface IngestStageDeps {
  readonly topic: string;
  /**
   * Makes the group's source; called once, by the constructor. It begins at the first record where nothing is
   * committed, and hands out what can't be decoded: a producer must not stop the partition.
   */
  readonly openSource: (handlers: GroupSourceHandlers) => RecordSource;
  readonly producer: RecordProducer;
  readonly router: Pick<RecordRouter, 'route' | 'routeUndecodable'>;
  readonly limits: IngestLimits;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: IngestMetrics;
  /** Called once when the stage can't go on; the process must end. */
  readonly onFatal: (error: InorderError) => void;
}

/** The part of a stop's deadline that the send in flight may take; the rest is for the last commit. */
const SENDING_SHARE = 0.75;

type StageState = 'new' | 'running' | 'stopping' | 'stopped' | 'failed';

export class IngestStage {
  readonly #deps: IngestStageDeps;
  readonly #source: RecordSource;
  readonly #intake: Intake;
  readonly #sender: SendLoop;
  readonly #commits: PacedCommits;
  #state: StageState = 'new';
  #failure: string | null = null;
  #assigned = false;
  #sending: Promise<void> = Promise.resolve();
  #stopped: Promise<void> | null = null;

  constructor(deps: IngestStageDeps) {
    this.#deps = deps;
    const { topic, limits, producer, clock, log, metrics } = deps;
    this.#source = deps.openSource({
      onAssigned: (assignment) => {
        this.#assign(assignment.get(topic) ?? []);
      },
      onBatch: (batch) => {
        this.#offer(batch);
      },
      onFatal: (error) => {
        this.#fail(error);
      },
    });
    this.#intake = new Intake(topic, limits.queue, this.#source);
    this.#sender = new SendLoop({
      take: () => this.#intake.take(limits.chunk),
      acknowledged: (chunk) => {
        this.#acknowledged(chunk);
      },
      producer,
      backoff: limits.backoff,
      clock,
      log,
      metrics,
    });
    this.#commits = new PacedCommits({
      cursors: () => this.#intake.queues,
      commit: async (positions) => {
        if (failpoint !== null) await failpoint('ingest.before_commit');
        await this.#source.commit(positions);
        if (failpoint !== null) await failpoint('ingest.after_commit');
      },
      intervalMs: limits.commitIntervalMs,
      clock,
      log,
    });
  }

  /** Resolves once the group was joined. A start that fails leaves nothing behind. */
  async start(): Promise<void> {
    this.#state = 'running';
    this.#sending = this.#sender.run().catch((error: unknown) => {
      this.#fail(asFatal(error));
    });
    try {
      await this.#source.start();
    } catch (error) {
      await this.stop(0);
      throw error;
    }
  }

  /**
   * Ends the send in flight, commits it and leaves the group; what is queued is left to the next owner, who reads it
   * again. After `deadlineMs` it gives up waiting, which can only make duplicates. Never rejects; may be called again.
   */
  stop(deadlineMs: number): Promise<void> {
    this.#stopped ??= this.#stop(deadlineMs);
    return this.#stopped;
  }

  async #stop(deadlineMs: number): Promise<void> {
    const { producer, log } = this.#deps;
    if (this.#state !== 'failed') this.#state = 'stopping';
    this.#sender.finish();
    await this.#within(deadlineMs * SENDING_SHARE, this.#sending);
    this.#sender.abandon();
    await this.#within(deadlineMs * (1 - SENDING_SHARE), this.#commits.finish());
    for (const close of [() => this.#source.stop(), () => producer.close()]) {
      await close().catch((error: unknown) => {
        log.warn('ingest: closing failed', { error: messageOf(error) });
      });
    }
    this.#state = 'stopped';
    log.info('ingest stopped');
  }

  async #within(ms: number, work: Promise<void>): Promise<void> {
    const done = new AbortController();
    const late = this.#deps.clock.sleep(ms, done.signal);
    await Promise.race([work, late]);
    done.abort();
  }

  health(): HealthReport {
    const reasons = [...this.#unready()];
    return { ready: reasons.length === 0, reasons };
  }

  *#unready(): Generator<string> {
    if (this.#failure !== null) yield `ingest: failed: ${this.#failure}`;
    else if (this.#state !== 'running') yield `ingest: is ${this.#state}`;
    else if (!this.#assigned) yield 'ingest: not yet in the group';
    if (this.#sender.trouble !== null) yield `ingest: can't send: ${this.#sender.trouble}`;
  }

  #assign(partitions: readonly number[]): void {
    if (this.#state !== 'running') return;
    this.#assigned = true;
    const gone = this.#intake.assign(partitions);
    this.#deps.metrics.held(this.#intake.queues, gone);
    this.#deps.log.info('ingest partitions assigned', { partitions: [...partitions].sort((a, b) => a - b), gone });
  }

  #offer(batch: GroupBatch): void {
    const queue = this.#intake.queueOf(batch.partition);
    if (this.#state !== 'running' || queue === undefined) return; // not ours any more: its owner reads it
    const { router } = this.#deps;
    queue.highWatermark = batch.highWatermark;
    for (const fetched of inOffsetOrder(batch)) {
      queue.push(isUndecodable(fetched) ? router.routeUndecodable(batch, fetched) : router.route(fetched));
    }
    this.#intake.pauseWhenFull(queue);
    this.#sender.wake();
  }

  #acknowledged(chunk: Chunk): void {
    for (const { queue, nextOffset } of chunk.ends) queue.nextOffset = nextOffset;
    this.#commits.moved();
  }

  #fail(error: InorderError): void {
    if (this.#state !== 'running') return;
    this.#state = 'failed';
    this.#failure = error.message;
    this.#sender.abandon();
    this.#deps.onFatal(error);
  }
}

function asFatal(error: unknown): InorderError {
  if (error instanceof InorderError) return error;
  return new InorderError('invariant_broken', `ingest: ${messageOf(error)}`, { cause: error });
}
