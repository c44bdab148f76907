/**
 * The pipeline's stages as they ship, in processes that freeze and die, on servers in memory behind a network that
 * loses and delays: everything by seed, in virtual time.
 */
import { checkEvidence } from '../../src/check/check-evidence.js';
import type { Observation } from '../../src/check/evidence.js';
import { silentLog, type Log } from '../../src/observe/log.js';
import { silentMetrics } from '../../src/observe/metrics.js';
import { IngestStage } from '../../src/stages/ingest/ingest-stage.js';
import { ingestMetrics } from '../../src/stages/ingest/metrics.js';
import { RecordRouter } from '../../src/stages/ingest/route-record.js';
import type { DeliveryEngine } from '../../src/stages/delivery/delivery-engine.js';
import { LogicStage } from '../../src/stages/logic/logic-stage.js';
import { logicMetrics } from '../../src/stages/logic/metrics.js';
import { REORDER } from '../support/reorder-rules.js';
import { HandlerJudge } from './handler-judge.js';
import { MemoryKafka, type KafkaFlaw } from './memory-kafka.js';
import { MemoryPostgres, type PostgresFlaw } from './memory-postgres.js';
import { Network } from './network.js';
import { Random } from './random.js';
import { Scheduler, SimProcess, START_MS } from './scheduler.js';
import { simDelivery } from './sim-delivery.js';
import { simEdges, simProducer } from './sim-edges.js';
import { SimBins } from './sim-bins.js';
import { evidenceOf } from './sim-evidence.js';
import { SimGroup, SimMember, type GroupFlaw } from './sim-group.js';
import {
  DELIVERY_GROUP,
  DLQ_PARTITIONS,
  INGEST_GROUP,
  INGEST_PARTITIONS,
  LOGIC_GROUP,
  LOGIC_PARTITIONS,
  TOPICS,
  type SimServers,
} from './sim-servers.js';

export interface Flaws {
  readonly postgres?: PostgresFlaw;
  readonly kafka?: KafkaFlaw;
  readonly deliveryGroup?: GroupFlaw;
}

export interface SimVerdict {
  readonly broken: readonly string[];
  /** Things looked at, by rule; calls of handlers. */
  readonly judged: Readonly<Record<string, number>>;
}

const STOP_MS = 2_000;
const SESSION_TIMEOUT_MS = 1_500;
/** Longer than a send is waited for and tried again. */
const QUIET_MS = 3_000;
const INGEST_LIMITS = {
  queue: { maxRecords: 20, maxBytes: 100_000 },
  chunk: { maxRecords: 5, maxBytes: 50_000 },
  backoff: { initialMs: 20, maxMs: 500, jitter: 0 },
  commitIntervalMs: 100,
};
const LANE_LIMITS = {
  queue: { maxRecords: 20, maxBytes: 100_000 },
  batchMaxRecords: 3,
  batchMaxBytes: 50_000,
  batchPaceMs: 5,
  paceRecords: 4,
  // Caches smaller than what a batch and all that is held need: they forget often.
  ordering: { maxHeads: 2, maxSenders: 2, maxSeen: 2, reorder: { ...REORDER, maxCount: 2 } },
};

export class SimWorld {
  readonly scheduler = new Scheduler();
  readonly random: Random;
  readonly kafka: MemoryKafka;
  readonly postgres: MemoryPostgres;
  readonly network: Network;
  readonly processes: SimProcess[] = [];
  /** What broke while it ran: a lane halted, a stage failed. */
  readonly broken: string[] = [];
  readonly handlers: HandlerJudge;
  readonly #leaving = new Set<SimProcess>();
  readonly #stages = new Map<SimProcess, readonly Pick<IngestStage, 'start' | 'stop'>[]>();
  readonly #observations: Observation[] = [];
  readonly #groups: { readonly ingest: SimGroup; readonly logic: SimGroup; readonly delivery: SimGroup };
  readonly #servers: SimServers;

  constructor(seed: number, flaws: Flaws = {}) {
    this.random = new Random(seed);
    this.kafka = new MemoryKafka(() => Math.floor(START_MS + this.scheduler.nowMs), flaws.kafka);
    this.postgres = new MemoryPostgres(flaws.postgres);
    this.network = new Network(this.scheduler, this.random);
    const { kafka, network, postgres, random } = this;
    this.#servers = { kafka, network, postgres, random };
    const ingest = { groupId: INGEST_GROUP, topic: TOPICS.ingest, partitions: INGEST_PARTITIONS, startPaused: false };
    const logic = { groupId: LOGIC_GROUP, topic: TOPICS.logic, partitions: LOGIC_PARTITIONS, startPaused: true };
    const delivery = {
      ...{ groupId: DELIVERY_GROUP, topic: TOPICS.delivery },
      ...{ partitions: LOGIC_PARTITIONS, startPaused: false, flaw: flaws.deliveryGroup },
    };
    this.#groups = {
      ingest: new SimGroup(ingest, kafka, network),
      logic: new SimGroup(logic, kafka, network),
      delivery: new SimGroup(delivery, kafka, network),
    };
    const handlers = new HandlerJudge(kafka, this.postgres);
    this.handlers = handlers;
    this.#groups.delivery.onCommit = (partition, nextOffset) => handlers.committed(partition, nextOffset);
    const damaged = random.below(2) === 0 ? [TOPICS.ingest, TOPICS.delivery] : [];
    kafka.isDamaged = (topic) => damaged.includes(topic) && random.below(30) === 0;
    kafka.onAppend = (topic) => {
      for (const group of Object.values(this.#groups)) if (group.options.topic === topic) group.wake();
    };
  }

  /** Whether something is known to have broken already. */
  get isBroken(): boolean {
    return this.broken.length + this.handlers.broken.length > 0;
  }

  /** Those that nobody has told to end. */
  get living(): SimProcess[] {
    return this.processes.filter((process) => process.isAlive && !this.#leaving.has(process));
  }

  startProcess(): void {
    const process = new SimProcess(this.scheduler, `p${this.processes.length}`);
    this.processes.push(process);
    const stages = [this.#ingestStage(process), this.#logicStage(process), this.#deliveryStage(process)];
    this.#stages.set(process, stages);
    for (const stage of stages) void stage.start();
  }

  /** SIGTERM: it ends what it began, as far as its deadline lets it, and leaves. */
  stop(process: SimProcess): void {
    this.#leaving.add(process);
    process.reach(0, () => {
      const stopped = (this.#stages.get(process) ?? []).map((stage) => stage.stop(STOP_MS));
      void Promise.all(stopped).then(() => {
        process.isAlive = false;
      });
    });
  }

  /** kill -9: the group hears of it when the session times out. */
  kill(process: SimProcess): void {
    process.isAlive = false;
    this.scheduler.in(SESSION_TIMEOUT_MS, () => this.#expel(process));
  }

  /** SIGSTOP, and SIGCONT after `forMs`: for longer than the session it has lost its membership, and joins again. */
  freeze(process: SimProcess, forMs: number): void {
    process.freeze(forMs);
    if (forMs < SESSION_TIMEOUT_MS) return;
    this.scheduler.in(SESSION_TIMEOUT_MS, () => {
      if (!process.isFrozen || !process.isAlive) return;
      const expelled = this.#expel(process);
      process.reach(this.network.delayMs(), () => {
        for (const [group, member] of expelled) group.join(member);
      });
    });
  }

  rebalance(): void {
    for (const group of Object.values(this.#groups)) group.rebalance();
  }

  /** Nothing fails any more, every clock is right, everybody runs. */
  heal(): void {
    this.network.faultRate = 0;
    for (const process of this.processes) {
      process.clockErrorMs = 0;
      process.thaw();
    }
    if (this.living.length === 0) this.startProcess();
  }

  /**
   * Whether every lane has stored and delivered all there is, every handler's work is done, and nobody writes any more. What the ingest group has
   * committed may lie further back: a commit that arrives late only makes the next owner do work again.
   */
  get isAtRest(): boolean {
    const { kafka, postgres } = this;
    if (START_MS + this.scheduler.nowMs - kafka.lastAppendMs < QUIET_MS) return false;
    for (let p = 0; p < LOGIC_PARTITIONS; p++) {
      const end = kafka.endOffset(TOPICS.logic, p);
      const lane = postgres.lane(p);
      const committed = kafka.committed(LOGIC_GROUP, TOPICS.logic, p);
      if (end === 0 && lane === null) continue;
      if (lane?.nextOffset !== end || postgres.held(p).length > 0) return false;
      if (committed?.nextOffset !== end || committed.metadata !== String(lane.lastMsgId)) return false;
    }
    return this.handlers.undone().length === 0;
  }

  /** What the promises forbid, in words: what broke while it ran, and what the checker finds in what is left. */
  async verdict(): Promise<SimVerdict> {
    const { kafka, postgres, handlers } = this;
    const broken = [...this.broken, ...handlers.broken, ...handlers.undone()];
    const { outcomes } = await checkEvidence(evidenceOf(kafka, postgres, this.#observations), { bins: new SimBins() });
    const judged: Record<string, number> = { handlers: handlers.callCount };
    for (const { rule, answer, isJudged, judged: count, findings, reasons } of outcomes) {
      judged[rule] = count;
      if (!isJudged || answer === 'pass') continue;
      broken.push(...[...findings.map(({ sentence }) => sentence), ...reasons].map((text) => `${rule}: ${text}`));
    }
    return { broken, judged };
  }

  #expel(process: SimProcess): (readonly [SimGroup, SimMember])[] {
    return Object.values(this.#groups).flatMap((group) =>
      group.members
        .filter((member) => member.process === process)
        .map((member) => {
          group.leave(member);
          return [group, member] as const;
        }),
    );
  }

  #ingestStage(process: SimProcess): IngestStage {
    const { clock } = process;
    const log = this.#logOf(process);
    return new IngestStage({
      topic: TOPICS.ingest,
      openSource: (handlers) => new SimMember(this.#groups.ingest, process, handlers),
      producer: simProducer(this.#servers, process),
      router: new RecordRouter({
        logicTopic: TOPICS.logic,
        logicPartitions: LOGIC_PARTITIONS,
        dlqTopic: TOPICS.dlq,
        dlqPartitions: DLQ_PARTITIONS,
        maxValueBytes: 10_000,
        maxLogicRecordBytes: 20_000,
        maxDeadLetterBytes: 20_000,
        clock,
        log,
      }),
      limits: INGEST_LIMITS,
      clock,
      log,
      metrics: ingestMetrics(silentMetrics),
      onFatal: (error) => this.broken.push(`ingest of ${process.name} ends: ${error.message}`),
    });
  }

  #logicStage(process: SimProcess): LogicStage {
    return new LogicStage({
      topic: TOPICS.logic,
      openSource: (handlers) => new SimMember(this.#groups.logic, process, handlers),
      edgesOf: (source, partition) => simEdges(this.#servers, process, source, partition),
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
      limits: LANE_LIMITS,
      clock: process.clock,
      mayStamp: () => true,
      log: this.#logOf(process),
      metrics: logicMetrics(silentMetrics),
      onFatal: (error) => this.broken.push(`logic of ${process.name} ends: ${error.message}`),
    });
  }

  #deliveryStage(process: SimProcess): DeliveryEngine {
    return simDelivery(this.#servers, process, {
      openSource: (handlers) => new SimMember(this.#groups.delivery, process, handlers),
      judge: this.handlers,
      observations: this.#observations,
      log: silentLog, // messages that it gives up are errors, and meant to be
      onFatal: (error) => this.broken.push(`delivery of ${process.name} ends: ${error.message}`),
    });
  }

  /** An error in the log is a lane that halted, or a record that the ingest stage failed on: neither may happen. */
  #logOf({ name }: SimProcess): Log {
    const log: Log = {
      ...silentLog,
      error: (event, fields) =>
        this.broken.push(`${name}: ${event}: ${String(fields?.['reason'] ?? fields?.['error'])}`),
      child: () => log,
    };
    return log;
  }
}
