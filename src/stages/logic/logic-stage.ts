/**
 * The logic stage: one lane a partition of `im.logic`, owned while Kafka's group says so. The group only proposes an
 * owner; the two fences of the takeover make it one.
 *
 * Rebalances: kafkajs has no revoke callback, so a lane hears of its loss when the next generation begins; until then
 * it may find itself fenced. A lane that stays with us is kept: every takeover raises the epoch in PostgreSQL, so an
 * epoch that is still ours proves that nobody was here in between.
 */
import type { Clock } from '../../clock/clock.js';
import { InorderError, messageOf } from '../../errors.js';
import type { GroupBatch, GroupSourceHandlers } from '../../kafka/group-contract.js';
import type { LaneEnd } from '../../lane/state.js';
import type { HealthReport } from '../../observe/health.js';
import type { Log } from '../../observe/log.js';
import { BatchPace, type TurnLimits } from './batch-pace.js';
import { LaneDriver, type LaneLimits } from './drive-lane.js';
import type { RecordSource } from '../ports.js';
import type { LaneEdges } from './edges.js';
import type { LogicMetrics } from './metrics.js';

export const LOGIC_LIMITS = {
  queue: { maxRecords: 4_000, maxBytes: 4 * 1024 * 1024 },
  batchMaxBytes: 2 * 1024 * 1024,
  paceRecords: 250,
  ordering: { maxHeads: 20_000, maxSenders: 20_000, maxSeen: 20_000 },
} as const;

/** What a transaction takes on an idle machine, and how much of the waiting on a busy one it may become. */
const TURN_LIMITS: TurnLimits = { minMs: 2, maxMs: 15 };

export interface LogicStageDeps {
  /** `im.logic`. */
  readonly topic: string;
  /** Makes the group's source, all partitions paused at every join; called once, by the constructor. */
  readonly openSource: (handlers: GroupSourceHandlers) => RecordSource;
  readonly edgesOf: (source: RecordSource, partition: number) => LaneEdges;
  readonly sessionTimeoutMs: number;
  readonly limits: LaneLimits;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: LogicMetrics;
  /** Asked before every batch; false lets the lanes wait, with everything they have. */
  readonly mayStamp: () => boolean;
  /** Called once when the stage can't go on; the process must end. */
  readonly onFatal: (error: InorderError) => void;
}

interface OwnedLane {
  readonly driver: LaneDriver;
  readonly edges: LaneEdges;
  end: LaneEnd | null;
}

export class LogicStage {
  readonly #deps: LogicStageDeps;
  readonly #source: RecordSource;
  readonly #lanes = new Map<number, OwnedLane>();
  readonly #pace = new BatchPace(TURN_LIMITS);
  readonly #stopping = new AbortController();
  #assigned = false;

  constructor(deps: LogicStageDeps) {
    this.#deps = deps;
    this.#source = deps.openSource({
      onAssigned: (assignment) => {
        this.#assign(new Set(assignment.get(deps.topic) ?? []));
      },
      onBatch: (batch) => {
        this.#offer(batch);
      },
      onFatal: deps.onFatal,
    });
  }

  /** Resolves once the group was joined; lanes are taken over in the background. */
  async start(): Promise<void> {
    await this.#source.start();
  }

  health(): HealthReport {
    const reasons = [...this.#unready()];
    return { ready: reasons.length === 0, reasons };
  }

  *#unready(): Generator<string> {
    if (this.#stopping.signal.aborted) yield 'logic: is stopping';
    else if (!this.#assigned) yield 'logic: not yet in the group';
    for (const [partition, { driver, end }] of this.#lanes) {
      if (end?.kind === 'halted') yield `logic: lane ${partition} halted: ${end.reason}`;
      else if (driver.phase !== 'running') yield `logic: lane ${partition} is ${driver.phase}`;
    }
  }

  /**
   * Finishes what the lanes began, then leaves the group, so that the next owner needn't wait for a time-out. After
   * `deadlineMs` it leaves all the same: what is in flight is settled by the next owner's fences. Never rejects.
   */
  async stop(deadlineMs: number): Promise<void> {
    this.#stopping.abort();
    const running = [...this.#lanes.values()].filter(({ end }) => end === null);
    for (const { driver } of running) driver.stop();
    const waited = new AbortController();
    await Promise.race([
      Promise.allSettled(running.map(({ driver }) => driver.done)),
      this.#deps.clock.sleep(deadlineMs, waited.signal),
    ]);
    waited.abort();
    for (const { driver } of running) driver.revoke();
    await this.#source.stop().catch((error: unknown) => {
      this.#deps.log.warn('logic: leaving the group failed', { error: messageOf(error) });
    });
    this.#deps.log.info('logic stopped');
  }

  #offer(batch: GroupBatch): void {
    this.#lanes.get(batch.partition)?.driver.offer(batch.records);
  }

  #assign(assigned: ReadonlySet<number>): void {
    if (this.#stopping.signal.aborted) return;
    this.#assigned = true;
    this.#deps.log.info('lanes assigned', { partitions: [...assigned].sort((a, b) => a - b) });
    for (const [partition, { driver }] of this.#lanes) {
      if (assigned.has(partition)) continue;
      this.#lanes.delete(partition);
      driver.revoke();
    }
    for (const partition of assigned) {
      const lane = this.#lanes.get(partition);
      if (lane === undefined || lane.end !== null) this.#takeOver(partition);
      else this.#keep(lane);
    }
    this.#deps.metrics.owned(this.#lanes.size);
  }

  #keep(lane: OwnedLane): void {
    const { driver, edges } = lane;
    driver.reopen();
    edges.store.epoch().then(
      (epoch) => {
        if (epoch !== driver.laneEpoch) driver.retake();
      },
      () => {
        driver.retake();
      },
    );
  }

  #takeOver(partition: number): void {
    const { edgesOf, limits, clock, metrics, mayStamp } = this.#deps;
    const log = this.#deps.log.child({ partition });
    const edges = edgesOf(this.#source, partition);
    const driver = new LaneDriver({ partition, edges, limits, pace: this.#pace, clock, log, metrics, mayStamp });
    const lane: OwnedLane = { driver, edges, end: null };
    this.#lanes.set(partition, lane);
    driver.done.then(
      (end) => {
        lane.end = end;
        this.#ended(partition, lane, end, log);
      },
      (error: unknown) => {
        this.#deps.onFatal(
          error instanceof InorderError
            ? error
            : new InorderError('invariant_broken', `lane ${partition}: ${messageOf(error)}`, { cause: error }),
        );
      },
    );
    driver.start();
  }

  #ended(partition: number, lane: OwnedLane, end: LaneEnd, log: Log): void {
    this.#deps.metrics.ended(end.kind);
    if (end.kind === 'released') log.info('lane released');
    if (end.kind === 'halted') {
      log.error('lane halted: it stores and delivers nothing until a person has looked', { reason: end.reason });
    }
    if (end.kind === 'fenced') {
      log.warn('lane fenced: a new owner began', { by: end.by });
      void this.#takeAgainIfStillOurs(partition, lane);
    }
  }

  /**
   * Fenced, yet still a member. Where the epoch in PostgreSQL is still ours, the one who fenced Kafka had taken the
   * lane before us and stalled: it will find that out, and the lane is taken again at once. Else somebody took it
   * after us: we'll hear of that from the group, unless it is gone again, which a session time-out tells.
   */
  async #takeAgainIfStillOurs(partition: number, lane: OwnedLane): Promise<void> {
    const { clock, sessionTimeoutMs } = this.#deps;
    const signal = this.#stopping.signal;
    const epoch = await lane.edges.store.epoch().catch(() => null);
    if (epoch !== lane.driver.laneEpoch) await clock.sleep(sessionTimeoutMs, signal);
    if (!signal.aborted && this.#lanes.get(partition) === lane) this.#takeOver(partition);
  }
}
