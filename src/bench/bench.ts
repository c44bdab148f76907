/**
 * Measures the pipeline on this machine in one run: the ceilings (kafkajs alone, PostgreSQL alone), a backlog drained
 * through all stages as separate processes, and the latency at steady rates. Exactness is checked on the same messages.
 * Works in topics and a schema of its own, and removes them.
 */
import { systemClock } from '../clock/clock.js';
import type { Config } from '../config/settings.js';
import { InorderError } from '../errors.js';
import { partitionOf } from '../kafka/partitioner.js';
import { PlainProducer } from '../kafka/plain-producer.js';
import type { Log } from '../observe/log.js';
import type { OutgoingRecord } from '../record.js';
import { Sandbox } from '../sandbox/sandbox.js';
import { Workload, type WorkloadRecord } from '../workload/workload.js';
import { cpuSecondsOf, residentBytesOf } from './cpu.js';
import { DeliveryReader } from './delivery-reader.js';
import { insertRate } from './insert-ceiling.js';
import { kafkajsProduceRate } from './kafkajs-baseline.js';
import { percentiles, type Percentiles } from './percentiles.js';

export interface BenchOptions {
  /** Servers and limits as the pipeline would use them; topics and schema are the bench's own. */
  readonly config: Config;
  /** Processes of the servers, where known: their CPU is part of the answer. */
  readonly serverPids: Readonly<Record<string, number>>;
  readonly mainPath: string;
  readonly messages: number;
  readonly conversations: number;
  readonly logicWorkers: number;
  /** Seconds of each latency measurement. */
  readonly latencySeconds: number;
  readonly seed: number;
  readonly log: Log;
  readonly onProgress: (what: string) => void;
  readonly stop: AbortSignal;
}

export interface ProcessUse {
  readonly name: string;
  /** CPU seconds per million messages; null where the system doesn't tell. */
  readonly cpuPerMillion: number | null;
  readonly residentMiB: number | null;
}

export interface LatencyRun {
  /** What the rate was derived from. */
  readonly name: string;
  readonly ratePerSecond: number;
  readonly latencyMs: Percentiles | null;
}

export interface BenchReport {
  readonly messages: number;
  readonly conversations: number;
  readonly seed: number;
  readonly ceilings: { readonly kafkajsProduce: number; readonly postgresInsert: number; readonly ownProducer: number };
  readonly drain: { readonly ratePerSecond: number; readonly ofKafkajs: number; readonly ofPostgres: number };
  readonly processes: readonly ProcessUse[];
  readonly latency: readonly LatencyRun[];
  readonly exact: { readonly delivered: number; readonly expected: number; readonly outOfOrder: number };
}

const CEILING_RECORDS = 100_000;
const SEND_RECORDS = 8_000;
const QUIET_RATE = 3_000;
/** Not counted: the load is a new process whose start, and whose code still to be compiled, take the cores from the rest. */
const WARM_UP_SECONDS = 5;
const STALL_MS = 60_000;
const POLL_MS = 20;

export async function runBench(options: BenchOptions): Promise<BenchReport> {
  const bench = new Bench(options);
  try {
    return await bench.run();
  } finally {
    await bench.close();
  }
}

class Bench {
  readonly #options: BenchOptions;
  readonly #sandbox: Sandbox;
  readonly #ceilingTopic: string;
  #reader: DeliveryReader | null = null;
  #produced = 0;

  constructor(options: BenchOptions) {
    this.#options = options;
    const { config, mainPath, log } = options;
    this.#sandbox = new Sandbox({ config, purpose: 'bench', mainPath, log });
    this.#ceilingTopic = `${this.#sandbox.prefix}.ceiling`;
  }

  async run(): Promise<BenchReport> {
    const { messages, conversations, seed, config, onProgress } = this.#options;
    onProgress('making topics, tables and messages');
    const { partitions, maxValueBytes } = config;
    await this.#sandbox.prepare([{ name: this.#ceilingTopic, partitions, config: {} }]);
    const workload = new Workload({
      ...{ seed, conversations, maxValueBytes, duplicateShare: 0, badShare: 0 },
      startMs: systemClock.nowMs(),
    });
    const backlog = Array.from({ length: messages }, () => workload.next());
    const sample = backlog.slice(0, CEILING_RECORDS);

    onProgress('ceiling: kafkajs alone produces');
    const kafkajsProduce = await kafkajsProduceRate(config.kafka, place(sample, this.#ceilingTopic, partitions));
    onProgress('ceiling: PostgreSQL alone inserts');
    const postgresInsert = await insertRate(this.#sandbox.database, sample, maxValueBytes);
    await this.#sandbox.database.query({ text: 'TRUNCATE message, dead_letter, conversation, lane' });

    onProgress(`producing a backlog of ${messages}`);
    const ownProducer = await this.#produce(place(backlog, this.#sandbox.topics.ingest, partitions));
    backlog.length = 0;
    this.#produced = messages;
    onProgress('draining it through ingest, logic and delivery');
    const { ratePerSecond, processes } = await this.#drain(messages);

    const latency: LatencyRun[] = [];
    const rates = [
      { name: 'quiet', rate: Math.min(QUIET_RATE, Math.round(ratePerSecond / 4)) },
      { name: 'a quarter of the drain', rate: Math.round(ratePerSecond / 4) },
      { name: 'half of the drain', rate: Math.round(ratePerSecond / 2) },
    ];
    for (const [index, { name, rate }] of rates.entries()) {
      // Of a seed of its own, whatever the rate: the same messages again would be dropped as duplicates.
      latency.push(await this.#latency(name, rate, seed + 1 + index));
    }
    const reader = this.#reader;
    return {
      messages,
      conversations,
      seed,
      ceilings: { kafkajsProduce, postgresInsert, ownProducer },
      drain: { ratePerSecond, ofKafkajs: ratePerSecond / kafkajsProduce, ofPostgres: ratePerSecond / postgresInsert },
      processes,
      latency,
      exact: { delivered: reader?.count ?? 0, expected: this.#produced, outOfOrder: reader?.outOfOrder ?? 0 },
    };
  }

  async close(): Promise<void> {
    await this.#reader?.stop();
    await this.#sandbox.close();
  }

  async #produce(records: readonly OutgoingRecord[]): Promise<number> {
    const producer = new PlainProducer(this.#sandbox.kafka);
    try {
      const beganMs = performance.now();
      for (let from = 0; from < records.length; from += SEND_RECORDS) {
        this.#options.stop.throwIfAborted();
        await producer.send(records.slice(from, from + SEND_RECORDS));
      }
      return (records.length / (performance.now() - beganMs)) * 1000;
    } finally {
      await producer.close();
    }
  }

  /** The rate from the first to the last message read, and what it cost each process. */
  async #drain(messages: number): Promise<{ ratePerSecond: number; processes: ProcessUse[] }> {
    const { config, log, logicWorkers, onProgress } = this.#options;
    const reader = new DeliveryReader({
      ...{ kafka: config.kafka, topicPrefix: this.#sandbox.prefix, groupId: this.#sandbox.readerGroupId },
      log,
    });
    this.#reader = reader;
    await reader.start();
    this.#sandbox.startStage('ingest', 'ingest');
    for (let worker = 1; worker <= logicWorkers; worker++) {
      this.#sandbox.startStage(logicWorkers === 1 ? 'logic' : `logic ${worker}`, 'logic');
    }
    const use = new Map<string, number | null>();
    const measured = [
      ...this.#sandbox.children.map(({ name, pid }) => ({ name, pid })),
      { name: 'delivery (this process)', pid: -1 },
    ];
    for (const [name, pid] of Object.entries(this.#options.serverPids)) measured.push({ name, pid });
    for (const { name, pid } of measured) use.set(name, cpuNow(pid));
    await this.#untilRead(messages, onProgress);
    const processes = measured.map(({ name, pid }) => {
      const before = use.get(name) ?? null;
      const after = cpuNow(pid);
      const resident = residentBytesOf(pid === -1 ? process.pid : pid);
      return {
        name,
        cpuPerMillion: before === null || after === null ? null : ((after - before) / messages) * 1_000_000,
        residentMiB: resident === null ? null : resident / 2 ** 20,
      };
    });
    reader.takeLatencies();
    return { ratePerSecond: (messages / (reader.lastMs - reader.firstMs)) * 1000, processes };
  }

  async #latency(name: string, ratePerSecond: number, seed: number): Promise<LatencyRun> {
    const { latencySeconds, conversations, onProgress } = this.#options;
    onProgress(`latency at ${ratePerSecond} messages/s (${name})`);
    const warmUp = ratePerSecond * WARM_UP_SECONDS;
    const count = warmUp + ratePerSecond * latencySeconds;
    const before = this.#reader?.count ?? 0;
    this.#produced += count;
    const flags = ['--rate', ratePerSecond, '--count', count, '--conversations', conversations];
    const load = this.#sandbox.startCommand('load', [
      'produce',
      ...flags.map(String),
      '--seed',
      String(seed),
      '--json',
    ]);
    await this.#untilRead(before + warmUp, () => undefined);
    this.#reader?.takeLatencies();
    await load.done;
    await this.#untilRead(before + count, () => undefined);
    const latencies = this.#reader?.takeLatencies() ?? [];
    return { name, ratePerSecond, latencyMs: percentiles(latencies) };
  }

  /** @throws InorderError where nothing arrives for a minute, or a stage ended */
  async #untilRead(count: number, onProgress: (what: string) => void): Promise<void> {
    const reader = this.#reader;
    if (reader === null) return;
    let seen = reader.count;
    let seenMs = performance.now();
    while (reader.count < count) {
      this.#options.stop.throwIfAborted();
      await systemClock.sleep(POLL_MS);
      if (reader.count > seen) {
        seen = reader.count;
        seenMs = performance.now();
        onProgress(`${seen} of ${count} delivered`);
      } else if (performance.now() - seenMs > STALL_MS) {
        throw new InorderError(
          'kafka_failed',
          `nothing was delivered for a minute: ${seen} of ${count} messages arrived`,
        );
      }
    }
  }
}

function cpuNow(pid: number): number | null {
  if (pid !== -1) return cpuSecondsOf(pid);
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000_000;
}

function place(records: readonly WorkloadRecord[], topic: string, partitions: number): OutgoingRecord[] {
  return records.map(({ key, value, headers }) => ({
    topic,
    partition: partitionOf(key, partitions),
    key,
    value,
    headers,
  }));
}
