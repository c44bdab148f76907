import { systemClock } from '../clock/clock.js';
import { InorderError, messageOf } from '../errors.js';
import { invariant } from '../invariant.js';
import type { Log } from '../observe/log.js';
import type { KafkaConnection } from './connection.js';
import { within } from './deadline.js';
import { failureOf, isOutage, protocolErrorOf } from './failure.js';
import type { CommitPosition, GroupSourceHandlers, GroupSourceOptions } from './group-contract.js';
import { GroupLife, type GroupLifeEvents } from './group-life.js';
import { type Assignment, Positions } from './positions.js';

export type { CommitPosition, GroupBatch, GroupSourceHandlers, GroupSourceOptions } from './group-contract.js';
export type { Assignment } from './positions.js';

const START_GRACE_MS = 20_000;
const FIRST_BACKOFF_MS = 200;
const LONGEST_BACKOFF_MS = 2_000;
/** After a restart a broker may not know a topic for a moment; for longer, the topic is gone. */
const UNKNOWN_TOPIC_LIMIT_MS = 60_000;

/**
 * Reads topics as a member of a consumer group, through outages of any length.
 *
 * A caller sees: `onAssigned` at each join, before any batch of that generation, with every pause and seek of the
 * generation before forgotten; then batches, each beginning where the last one ended. A batch that was on its way when
 * its partition was paused, sought elsewhere or taken away is dropped, so that none is handed out between `pause` and
 * `resume`, and the first one after a `seek` begins there. Nothing is ever committed but by `commit`, and an offset
 * that is not in the log is fatal: kafkajs would commit a default offset, without metadata, and go on there.
 *
 * Without a committed offset, `fromBeginning: false` means "after the last record" at every join: commit early.
 */
export class GroupSource {
  readonly #positions = new Positions();
  readonly #stop = new AbortController();
  #phase: 'new' | 'starting' | 'running' | 'stopped' | 'failed' = 'new';
  #life: GroupLife | null = null;
  #ending: Promise<void> = Promise.resolve();
  #settleStart: { resolve(): void; reject(error: unknown): void } | null = null;
  #ownership: { generation: number; owned: Assignment } = { generation: -1, owned: new Map() };
  #failures = 0;
  #failingSinceMs = 0;

  constructor(
    readonly kafka: KafkaConnection,
    readonly options: GroupSourceOptions,
    readonly handlers: GroupSourceHandlers,
    readonly log: Log,
  ) {}

  /**
   * Resolves when the group was joined for the first time. @throws InorderError kafka_unavailable within about 10 s
   * when no broker answers, topic_mismatch when a topic is missing, kafka_failed when Kafka refuses
   */
  async start(): Promise<void> {
    invariant(this.#phase === 'new', 'a source starts once');
    this.#phase = 'starting';
    const joined = new Promise<void>((resolve, reject) => {
      this.#settleStart = { resolve, reject };
    });
    void this.#beginLife();
    const { sessionTimeoutMs, rebalanceTimeoutMs } = this.options;
    const outcome = await within(joined, sessionTimeoutMs + rebalanceTimeoutMs + START_GRACE_MS);
    if (outcome.kind === 'done') return;
    await this.stop();
    if (outcome.kind === 'failed') throw this.#failureOf(outcome.error);
    throw new InorderError('kafka_unavailable', `could not ${this.#doing}: the group did not settle`);
  }

  /** Fetches no more of this partition. Does nothing for one that is not assigned, like `resume` and `seek`. */
  pause(topic: string, partition: number): void {
    this.#positions.pause(topic, partition);
  }

  resume(topic: string, partition: number): void {
    if (this.#positions.resume(topic, partition)) this.#life?.wake();
  }

  /** The next batch of this partition begins at `nextOffset` (or at the first record after it). */
  seek(topic: string, partition: number, nextOffset: number): void {
    invariant(Number.isSafeInteger(nextOffset) && nextOffset >= 0, `${nextOffset} is an offset`);
    this.#positions.seek(topic, partition, nextOffset);
  }

  /**
   * Commits positions of partitions that are assigned now; others are left out, since their new owner commits them.
   * @throws InorderError kafka_failed when the group has moved on meanwhile: nothing is committed, and `onAssigned`
   * follows or has been; kafka_unavailable when it is unknown what is committed, after about 6 s of trying
   */
  async commit(positions: readonly CommitPosition[]): Promise<void> {
    for (const { nextOffset } of positions) {
      invariant(Number.isSafeInteger(nextOffset) && nextOffset >= 0, `${nextOffset} is an offset`);
    }
    const own = positions.filter(({ topic, partition }) => this.#positions.isAssigned(topic, partition));
    if (own.length === 0) return;
    const committed = await this.#life?.commit(own);
    if (committed !== true) {
      throw new InorderError('kafka_failed', `could not commit for group ${this.options.groupId}: it has moved on`);
    }
  }

  /**
   * Leaves the group, so that the others take over at once. Returns within about 5 s whatever the brokers do. Commit
   * first. Idempotent; never rejects; no handler is called any more.
   */
  stop(): Promise<void> {
    if (this.#phase !== 'stopped') {
      this.#phase = 'stopped';
      this.#stop.abort();
      this.#endLife();
      this.#settleStart?.reject(new InorderError('kafka_failed', `could not ${this.#doing}: it was stopped`));
    }
    return this.#ending;
  }

  get #doing(): string {
    return `read ${this.options.topics.join(', ')} as group ${this.options.groupId}`;
  }

  #failureOf(error: unknown): InorderError {
    return failureOf(error, this.#doing, this.kafka.options.brokers);
  }

  get #active(): boolean {
    return this.#phase === 'starting' || this.#phase === 'running';
  }

  async #beginLife(): Promise<void> {
    const events: GroupLifeEvents = {
      joined: (generation, assignment) => this.#joined(life, generation, assignment),
      batch: (batch) => this.#tell(life, () => this.handlers.onBatch(batch)),
      passed: (passed) => this.#tell(life, () => this.handlers.onPassed?.(passed)),
      ended: (error) => this.#ended(life, error),
    };
    const { kafka, options, log } = this;
    const life = new GroupLife(kafka, options, this.#positions, () => this.#ownership, events, log);
    this.#life = life;
    try {
      await life.begin();
    } catch (error) {
      this.#ended(life, error);
    }
  }

  #joined(life: GroupLife, generation: number, assignment: Assignment): void {
    if (!this.#active || life !== this.#life) return;
    this.#failures = 0;
    this.#ownership = { generation, owned: assignment };
    this.#positions.begin(assignment, this.options.startPaused);
    const counts = Object.fromEntries([...assignment].map(([topic, numbers]) => [topic, numbers.length]));
    this.log.info('group joined', { groupId: this.options.groupId, generation, partitions: counts });
    this.#tell(life, () => this.handlers.onAssigned(assignment));
    if (this.#phase !== 'starting') return;
    this.#phase = 'running';
    this.#settleStart?.resolve();
  }

  /** A handler that throws is a bug above us; kafkajs must not get to see it. */
  #tell(life: GroupLife, handler: () => void): void {
    if (!this.#active || life !== this.#life) return;
    try {
      handler();
    } catch (cause) {
      this.#ended(life, new InorderError('invariant_broken', `a handler threw: ${messageOf(cause)}`, { cause }));
    }
  }

  #ended(life: GroupLife, error: unknown): void {
    if (!this.#active || life !== this.#life) return;
    this.#endLife();
    const nowMs = systemClock.monotonicMs();
    if (this.#failures === 0) this.#failingSinceMs = nowMs;
    this.#failures += 1;
    const lost = protocolErrorOf(error) === 'UNKNOWN_TOPIC_OR_PARTITION';
    const hopeless = lost && nowMs - this.#failingSinceMs > UNKNOWN_TOPIC_LIMIT_MS;
    const failedToBegin = this.#phase === 'starting' && !life.begun;
    if (!isOutage(error) || hopeless || failedToBegin) return this.#fail(error);
    const backoffMs = Math.min(FIRST_BACKOFF_MS * 2 ** (this.#failures - 1), LONGEST_BACKOFF_MS);
    this.log.warn('group membership lost', { reason: this.#failureOf(error).message, backoffMs });
    void this.#beginAgain(backoffMs);
  }

  async #beginAgain(backoffMs: number): Promise<void> {
    await systemClock.sleep(backoffMs, this.#stop.signal);
    await this.#ending;
    if (this.#active) await this.#beginLife();
  }

  #endLife(): void {
    const life = this.#life;
    this.#life = null;
    if (life === null) return;
    const before = this.#ending;
    this.#ending = life.end().then(() => before);
  }

  #fail(error: unknown): void {
    const failure = this.#failureOf(error);
    if (this.#phase === 'starting') return this.#settleStart?.reject(failure);
    this.#phase = 'failed';
    this.handlers.onFatal(
      error instanceof InorderError
        ? error
        : new InorderError('consumer_crashed', `the consumer has ended: ${failure.message}`, { cause: error }),
    );
  }
}
