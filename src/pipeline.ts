/**
 * Which stages run in this process, and in what order they start and stop. Data flows ingest → logic → delivery; the
 * readers start before their writers, and a stop drains from the source: it walks the start order back.
 */
import { systemClock } from './clock/clock.js';
import type { Config } from './config/settings.js';
import { InorderError } from './errors.js';
import { KafkaAdmin } from './kafka/admin.js';
import { openKafka, type KafkaConnection } from './kafka/connection.js';
import type { HealthReport } from './observe/health.js';
import type { Log } from './observe/log.js';
import type { Metrics } from './observe/metrics.js';
import { openDatabase, type Database } from './postgres/database.js';
import { requireMigrated } from './postgres/migrate.js';
import { pinPartitions } from './postgres/pipeline-pin.js';
import { openDelivery } from './pipeline/open-delivery.js';
import { openIngest } from './pipeline/open-ingest.js';
import { openLogic } from './pipeline/open-logic.js';
import type { StageServers } from './pipeline/stage-servers.js';
import { openClockWatch } from './pipeline/watch-clock.js';

export const STAGE_NAMES = ['ingest', 'logic', 'delivery'] as const;
export type StageName = (typeof STAGE_NAMES)[number];

/** The start order: a reader before its writer. */
const START_ORDER: readonly StageName[] = ['delivery', 'logic', 'ingest'];

export interface Stage {
  start(): Promise<void>;
  health(): HealthReport;
  /** Never rejects. */
  stop(deadlineMs: number): Promise<void>;
}

export interface PipelineOptions {
  readonly config: Config;
  readonly stages: readonly StageName[];
  readonly log: Log;
  readonly metrics: Metrics;
  /** Where the sample delivery consumer prints. */
  readonly output: NodeJS.WritableStream;
}

export interface Pipeline {
  /** Resolves once, if a stage can't go on; the process must end. */
  readonly failed: Promise<InorderError>;
  health(): HealthReport;
  stop(): Promise<void>;
}

/** Starts the stages; a start that fails stops what it had started. @throws InorderError */
export async function startPipeline(options: PipelineOptions): Promise<Pipeline> {
  const { config, log, metrics } = options;
  const database = openDatabase(config.postgres, log);
  const watch = openClockWatch({ options: config.clock, database, clock: systemClock, log, metrics });
  const kafka = openKafka(config.kafka, log, (sample) => watch.monitor.take(sample));
  const admin = new KafkaAdmin(kafka);
  const closers: (() => Promise<void>)[] = [() => database.close(), () => admin.close(), () => watch.monitor.stop()];
  let fail!: (error: InorderError) => void;
  const failed = new Promise<InorderError>((resolve) => (fail = resolve));
  const started: { name: StageName; stage: Stage }[] = [];
  const stop = async (): Promise<void> => {
    const deadlineMs = systemClock.monotonicMs() + config.shutdownTimeoutMs;
    for (const { name, stage } of started.splice(0).reverse()) {
      log.info('stage stopping', { stage: name });
      await stage.stop(Math.max(1_000, deadlineMs - systemClock.monotonicMs()));
    }
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    const partitions = await checkedPartitions(config, { admin, database, kafka });
    await watch.monitor.start();
    const servers: StageServers = {
      config,
      kafka,
      admin,
      database,
      partitions,
      clock: systemClock,
      watch,
      log,
      metrics,
      onFatal: fail,
    };
    for (const name of START_ORDER.filter((candidate) => options.stages.includes(candidate))) {
      const stage = open(name, servers, options.output);
      await stage.start();
      started.push({ name, stage });
      log.info('stage started', { stage: name });
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    failed,
    stop,
    health: () => {
      const stamps = started.some(({ name }) => name === 'logic');
      const { reasons: ofClock, ...clock } = watch.health(stamps);
      const reasons = [...started.flatMap(({ stage }) => stage.health().reasons), ...ofClock];
      return { ...clock, ready: reasons.length === 0, reasons };
    },
  };
}

function open(name: StageName, servers: StageServers, output: NodeJS.WritableStream): Stage {
  const named = { ...servers, log: servers.log.child({ stage: name }) };
  switch (name) {
    case 'ingest':
      return openIngest(named);
    case 'logic':
      return openLogic(named);
    case 'delivery':
      return openDelivery(named, output);
  }
}

/** The counts of the topics, checked against each other and against what was pinned at the first start. */
async function checkedPartitions(
  config: Config,
  servers: { admin: KafkaAdmin; database: Database; kafka: KafkaConnection },
): Promise<StageServers['partitions']> {
  await requireMigrated(servers.database);
  const { topics, topicPrefix } = config;
  const names: readonly string[] = Object.values(topics);
  const found = await servers.admin.describeTopics(names);
  const missing = names.filter((name) => !found.has(name));
  if (missing.length > 0) {
    throw new InorderError(
      'topic_mismatch',
      `Kafka has no topic ${missing.join(', ')}; \`inorder topics\` creates what is missing`,
    );
  }
  const count = (name: string): number => found.get(name)?.partitions ?? 0;
  const logic = count(topics.logic);
  if (count(topics.delivery) !== logic) {
    throw new InorderError(
      'topic_mismatch',
      `${topics.logic} has ${logic} partitions and ${topics.delivery} has ${count(topics.delivery)}: lane p writes ` +
        'partition p, so the counts must be equal; nothing has been read or written',
    );
  }
  await pinPartitions(servers.database, { topicPrefix, partitions: logic });
  return { logic, dlq: count(topics.dlq) };
}
