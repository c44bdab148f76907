/**
 * The demo: a real pipeline of its own on the servers it is given, people who talk over a bad network, and two accidents
 * in the middle. The parts are called one after the other, so that whoever shows them can say how far it is; `close`
 * removes what was made, also after half a run.
 */
import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { openKafkaTransport, type KafkaTransport } from '../client/node/kafka-transport.js';
import { systemClock } from '../clock/clock.js';
import type { Config } from '../config/settings.js';
import { KafkaAdmin } from '../kafka/admin.js';
import { openKafka } from '../kafka/connection.js';
import { partitionOf } from '../kafka/partitioner.js';
import type { Log } from '../observe/log.js';
import type { Database } from '../postgres/database.js';
import { readHistory } from '../postgres/read-history.js';
import type { Seq } from '../protocol/ids.js';
import { Sandbox } from '../sandbox/sandbox.js';
import type { StageChild } from '../sandbox/stage-child.js';
import { DeliveryWatch } from './delivery-watch.js';
import type { CheckVerdict, SequenceLoss, Stored } from './evidence.js';
import { Network } from './network.js';
import { People } from './people.js';
import { play } from './play.js';
import { judgeDemo, type DemoReport } from './report.js';
import { planDemo, WINDOW_MS, type DemoPlan } from './schedule.js';
import { KILL_BEFORE, LIN, LOSS_BEFORE } from './script.js';
import { consequences, killOwner, READY, READY_LIMIT_MS, untilLanesAreShared, type Killed } from './workers.js';

export interface DemoOptions {
  readonly config: Config;
  /** The built `cli/main.js`. */
  readonly mainPath: string;
  readonly seed: number;
  /** Conversations: the one that is shown, and others. */
  readonly chats: number;
  readonly log: Log;
  readonly stop: AbortSignal;
}

type Say = (text: string) => void;

/** After which a silent worker counts as dead, where the brokers allow it; the pipeline's default is 6 s. */
const SESSION_TIMEOUT_MS = 2_000;
/** Kafka's own default of the least it allows, for brokers that don't tell theirs. */
const USUAL_LEAST_SESSION_TIMEOUT_MS = 6_000;
const HEARTBEAT_INTERVAL_MS = 300;
/** After the last message, for what should not come: something delivered twice. */
const QUIET_MS = 400;
const SAY_EVERY_MS = 100;

export class Demo {
  readonly plan: DemoPlan;
  readonly #options: DemoOptions;
  readonly #sandbox: Sandbox;
  readonly #watch: DeliveryWatch;
  readonly #sessionTimeoutMs: number;
  readonly #servers: KafkaTransport[] = [];
  #workers: readonly StageChild[] = [];
  #killed: Killed | null = null;
  #loss: SequenceLoss | null = null;

  private constructor(options: DemoOptions, sessionTimeoutMs: number) {
    const { config, mainPath, seed, chats, log } = options;
    this.plan = planDemo(seed, chats);
    this.#options = options;
    this.#sessionTimeoutMs = sessionTimeoutMs;
    const childEnvironment = {
      INORDER_SESSION_TIMEOUT_MS: String(sessionTimeoutMs),
      INORDER_HEARTBEAT_INTERVAL_MS: String(HEARTBEAT_INTERVAL_MS),
      INORDER_REORDER_WINDOW_MS: String(WINDOW_MS),
      LOG_LEVEL: 'info',
    };
    this.#sandbox = new Sandbox({ config, purpose: 'demo', mainPath, childEnvironment, log });
    const { kafka, topics, readerGroupId } = this.#sandbox;
    this.#watch = new DeliveryWatch({
      ...{ kafka, topic: topics.delivery, groupId: readerGroupId, log },
      ...{ sessionTimeoutMs: config.sessionTimeoutMs, heartbeatIntervalMs: config.heartbeatIntervalMs },
      rebalanceTimeoutMs: config.rebalanceTimeoutMs,
    });
  }

  /** Topics and tables. Leaves nothing behind when it throws. @throws InorderError */
  static async open(options: DemoOptions): Promise<Demo> {
    const demo = new Demo(options, await sessionTimeoutFor(options));
    try {
      await demo.#sandbox.prepare();
      return demo;
    } catch (error) {
      await demo.close();
      throw error;
    }
  }

  /** Two processes of each stage, ready. Answers the pids of the logic workers. @throws InorderError */
  async startStages(): Promise<readonly number[]> {
    const { config, log, stop } = this.#options;
    const sandbox = this.#sandbox;
    const ingest = [1, 2].map((number) => sandbox.startStage(`ingest ${number}`, 'ingest'));
    this.#workers = [1, 2].map((number) => sandbox.startStage(`logic ${number}`, 'logic'));
    await this.#watch.start();
    for (const _server of this.plan.serverClockMs) {
      this.#servers.push(await openKafkaTransport({ kafka: config.kafka, topicPrefix: sandbox.prefix, log }));
    }
    await Promise.all(ingest.map((stage) => stage.logged(READY, READY_LIMIT_MS)));
    await untilLanesAreShared(sandbox.database, this.#workers, config.partitions, stop);
    return this.#workers.map(({ pid }) => pid);
  }

  /** Everybody talks, until everything is delivered. @throws InorderError */
  async run(say: Say): Promise<DemoReport> {
    const { plan } = this;
    const clock = systemClock;
    const failing = new AbortController();
    const stop = AbortSignal.any([this.#options.stop, failing.signal]);
    setMaxListeners(0, stop); // every message under way listens
    const [first, second] = this.#servers as [KafkaTransport, KafkaTransport];
    const servers = [first.send, second.send] as const;
    const network = new Network({ plan, servers, clock, stop, onFailure: (error) => failing.abort(error) });
    const people = new People(network.carry, clock, plan.clientClockMs);
    const total = plan.chats.reduce((sum, { messages }) => sum + messages.length, 0);
    const timer = setInterval(() => say(this.#progress(total)), SAY_EVERY_MS);
    const begunMs = performance.now();
    try {
      await play({
        ...{ plan, people, watch: this.#watch, stop },
        beforeLine: (index) => this.#accidentBefore(index, people),
        afterLine: (index, epochAfter) => {
          if (index === LOSS_BEFORE && this.#loss !== null) this.#loss = { ...this.#loss, epochAfter };
        },
      });
      await network.settled();
      await delay(QUIET_MS, undefined, { signal: stop });
    } finally {
      clearInterval(timer);
      await people.close();
    }
    const { delivered } = this.#watch;
    const { arrivals } = network;
    const times = { begunMs, sessionTimeoutMs: this.#sessionTimeoutMs };
    const kill = this.#killed === null ? null : consequences(this.#killed, delivered, times);
    const stored = await readStored(this.#sandbox.database, plan);
    say('inorder check judges what lies in the topics and tables');
    const check = await this.#check();
    return judgeDemo(plan, { arrivals, delivered, stored, kill, loss: this.#loss, check });
  }

  /** Stops the stages and removes topics, groups and tables. Never rejects. */
  async close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.close()));
    await this.#watch.stop();
    await this.#sandbox.close();
  }

  async #accidentBefore(index: number, people: People): Promise<void> {
    if (index === KILL_BEFORE) {
      const { conversationId } = this.plan.chats[0];
      const lane = partitionOf(Buffer.from(conversationId), this.#options.config.partitions);
      this.#killed = await killOwner(this.#sandbox.database, this.#workers, lane);
    }
    if (index === LOSS_BEFORE) {
      const epochBefore = await people.loseNumbers(LIN);
      this.#loss = { sender: LIN, epochBefore, epochAfter: epochBefore };
    }
  }

  async #check(): Promise<CheckVerdict> {
    const checker = this.#sandbox.startCommand('check', ['check', '--drained', '--json']);
    const verdicts: readonly CheckVerdict[] = ['pass', 'fail'];
    return verdicts[(await checker.exitCode) ?? -1] ?? 'unknown';
  }

  #progress(total: number): string {
    const { delivered } = this.#watch;
    const far = `${delivered.length} of ${total} delivered`;
    const [lost, killed] = [this.#loss, this.#killed];
    if (lost !== null) return `${far}; ${lost.sender}'s sequence file deleted`;
    return killed === null ? far : `${far}; logic worker ${killed.pid} killed (kill -9), its lanes move`;
  }
}

async function sessionTimeoutFor({ config, log }: DemoOptions): Promise<number> {
  const admin = new KafkaAdmin(openKafka(config.kafka, log));
  try {
    const [nodeId] = (await admin.cluster()).nodeIds;
    const settings = nodeId === undefined ? new Map<string, string>() : await admin.settingsOf({ nodeId });
    const least = Number(settings.get('group.min.session.timeout.ms') ?? USUAL_LEAST_SESSION_TIMEOUT_MS);
    return Math.max(SESSION_TIMEOUT_MS, Number.isFinite(least) ? least : USUAL_LEAST_SESSION_TIMEOUT_MS);
  } finally {
    await admin.close();
  }
}

/** What the table says, for the topic to be held against. */
async function readStored(database: Database, { chats }: DemoPlan): Promise<Stored[]> {
  const stored: Stored[] = [];
  for (const { conversationId, messages } of chats) {
    const [fromSeq, toSeq] = [1 as Seq, Number.MAX_SAFE_INTEGER as Seq];
    const rows = await readHistory(database, { conversationId, fromSeq, toSeq, limit: 2 * messages.length });
    stored.push(...rows.map(({ seq, clientMsgId }) => ({ conversationId, seq, clientMsgId })));
  }
  return stored;
}
