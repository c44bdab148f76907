/**
 * The embedded servers: a real Kafka and a real PostgreSQL as child processes, for development, demos and tests.
 *
 * Owns the data dir while it runs. `startServers` leaves nothing behind when it throws; `stop` leaves no process.
 * Killed itself, it leaves at most servers that their keepers end, or that the next start on the same data dir ends.
 */
import { systemClock, type Clock } from '../clock/clock.js';
import type { InorderError } from '../errors.js';
import { invariant } from '../invariant.js';
import type { Log } from '../observe/log.js';
import { lockDataDir } from './data-dir-lock.js';
import { openDataDir, recall, remember, type DataDir, type Remembered, type ServerName } from './data-dir.js';
import { fetchKafkaJars, findKafkaJars } from './kafka-jars.js';
import { KAFKA_STOP, kafkaMark, prepareKafka } from './kafka-server.js';
import { choosePort, LOOPBACK } from './ports.js';
import { POSTGRES_STOP, postgresMark, preparePostgres } from './postgres-server.js';
import { endLeftover } from './processes.js';
import { Supervisor, type ServerPlan } from './supervisor.js';
import { findTools, type Tools } from './tools.js';

export interface ServersOptions {
  readonly dataDir: string;
  /** null: the last one used on this data dir, or 9092, or a free one. 0: the last one or a free one. */
  readonly kafkaPort: number | null;
  /** null: the last one used on this data dir, or 5432, or a free one. 0: the last one or a free one. */
  readonly postgresPort: number | null;
  /** JAVA_HOME; null where it is unset. */
  readonly javaHome: string | null;
  /** Whether a server that dies is started again, on its port, with its data. */
  readonly restartOnCrash: boolean;
  /** Which servers to run. */
  readonly kafka: boolean;
  readonly postgres: boolean;
  readonly log: Log;
  /** A sentence for a person who waits; at least one a second while anything takes longer. */
  readonly onProgress: (line: string) => void;
  /** Where Kafka's jars are kept; default: the data dir. */
  readonly jarsDir?: string | undefined;
  /** Aborted while the servers start: `startServers` cleans up and rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock | undefined;
}

export interface Servers {
  /** Empty where no Kafka was asked for. */
  readonly brokers: string[];
  /** Empty where no PostgreSQL was asked for. */
  readonly databaseUrl: string;
  /** The servers' own processes; a server that is dead right now is absent. */
  pids(): { kafka?: number; postgres?: number };
  /** Called after a server that died takes clients again: its pid is another, its address is not. */
  onChange(listener: () => void): void;
  /** Called when a server is dead and stays dead: too many deaths in a row, or `restartOnCrash` is off. */
  onFailure(listener: (error: InorderError) => void): void;
  /** Ends the servers in order and gives the data dir back. Idempotent. */
  stop(): Promise<void>;
}

/** 0 for a server that was not asked for. */
interface Ports {
  readonly kafka: number;
  readonly controller: number;
  readonly postgres: number;
}

const USUAL_KAFKA_PORT = 9_092;
const USUAL_POSTGRES_PORT = 5_432;

/**
 * @throws InorderError tool_missing, config_invalid (a port that was asked for is taken), or server_start_failed: a
 * start failed, with the end of the server's log, or another process holds the data dir.
 */
export async function startServers(options: ServersOptions): Promise<Servers> {
  const dataDir = openDataDir(options.dataDir);
  const unlock = lockDataDir(dataDir);
  const run = new Run(options, dataDir, unlock);
  try {
    await run.start();
  } catch (error) {
    await run.stop();
    throw error;
  }
  return run;
}

class Run implements Servers {
  readonly brokers: string[] = [];
  databaseUrl = '';
  readonly #options: ServersOptions;
  readonly #dataDir: DataDir;
  readonly #unlock: () => void;
  readonly #clock: Clock;
  readonly #supervisors = new Map<ServerName, Supervisor>();
  readonly #changeListeners: (() => void)[] = [];
  readonly #failureListeners: ((error: InorderError) => void)[] = [];
  #remembered: Remembered;
  #stopped: Promise<void> | null = null;

  constructor(options: ServersOptions, dataDir: DataDir, unlock: () => void) {
    this.#options = options;
    this.#dataDir = dataDir;
    this.#unlock = unlock;
    this.#clock = options.clock ?? systemClock;
    this.#remembered = recall(dataDir);
  }

  async start(): Promise<void> {
    const { kafka, postgres, javaHome, jarsDir = this.#dataDir.root, signal } = this.#options;
    await this.#endLeftovers();
    const libs = findKafkaJars(jarsDir);
    const tools = kafka ? await findTools(javaHome, { mvn: libs === null }) : null;
    const ports = await this.#choosePorts();
    const chosen = Object.fromEntries(Object.entries(ports).filter(([, port]) => port !== 0));
    this.#note({ ports: { ...this.#remembered.ports, ...chosen } });

    // Side by side, and both to their end: the first failure aborts the other, so that neither is left half-started.
    const failing = new AbortController();
    const either = signal === undefined ? failing.signal : AbortSignal.any([failing.signal, signal]);
    const begin = (start: Promise<void>): Promise<void> => start.catch((error: unknown) => failing.abort(error));
    await Promise.all([
      tools !== null && begin(this.#startKafka(tools, libs, jarsDir, ports, either)),
      postgres && begin(this.#startPostgres(ports.postgres, either)),
    ]);
    either.throwIfAborted();
  }

  pids(): { kafka?: number; postgres?: number } {
    const pids = [...this.#supervisors].map(([name, { pid }]) => [name, pid] as const);
    return Object.fromEntries(pids.filter(([, pid]) => pid !== undefined));
  }

  onChange(listener: () => void): void {
    this.#changeListeners.push(listener);
  }

  onFailure(listener: (error: InorderError) => void): void {
    this.#failureListeners.push(listener);
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    try {
      await Promise.all([...this.#supervisors.values()].map((supervisor) => supervisor.stop()));
      this.#note({ pids: {} });
    } finally {
      this.#unlock();
    }
  }

  /** Servers of a start that was killed together with their keepers. A keeper that is still at it is not disturbed. */
  async #endLeftovers(): Promise<void> {
    const { kafka, postgres } = this.#remembered.pids;
    const dataDir = this.#dataDir;
    await Promise.all([
      this.#endLeftover('Kafka', kafka, (pid) => endLeftover(pid, kafkaMark(dataDir), KAFKA_STOP, this.#clock)),
      this.#endLeftover('PostgreSQL', postgres, (pid) =>
        endLeftover(pid, postgresMark(dataDir), POSTGRES_STOP, this.#clock),
      ),
    ]);
    this.#note({ pids: {} });
  }

  async #endLeftover(title: string, pid: number | undefined, end: (pid: number) => Promise<boolean>): Promise<void> {
    if (pid === undefined || !(await end(pid))) return;
    this.#options.onProgress(`ended the ${title} of a start that was killed (process ${pid})`);
    this.#options.log.warn('embedded server of a killed start ended', { server: title, serverPid: pid });
  }

  async #choosePorts(): Promise<Ports> {
    const { kafkaPort, postgresPort, kafka: wantsKafka, postgres: wantsPostgres } = this.#options;
    const { ports: last } = this.#remembered;
    const kafkaWish = {
      asked: kafkaPort,
      variable: 'INORDER_KAFKA_PORT',
      remembered: last.kafka,
      usual: USUAL_KAFKA_PORT,
    };
    const kafka = wantsKafka ? await choosePort(kafkaWish) : 0;
    const postgresWish = {
      ...{ asked: postgresPort, variable: 'INORDER_PG_PORT', remembered: last.postgres, usual: USUAL_POSTGRES_PORT },
    };
    const postgres = wantsPostgres ? await choosePort(postgresWish, [kafka]) : 0;
    const controllerWish = { asked: 0, variable: '', remembered: last.controller, usual: null };
    const controller = wantsKafka ? await choosePort(controllerWish, [kafka, postgres]) : 0;
    return { kafka, postgres, controller };
  }

  async #startKafka(
    tools: Tools,
    found: string | null,
    jarsDir: string,
    ports: Ports,
    signal: AbortSignal,
  ): Promise<void> {
    const { onProgress } = this.#options;
    invariant(found !== null || tools.mvn !== null, 'Maven was looked for where jars are missing');
    const libs = found ?? (await fetchKafkaJars({ dir: jarsDir, mvn: tools.mvn ?? '', onProgress, signal }));
    const plan = await prepareKafka({ dataDir: this.#dataDir, ports, java: tools.java, libs });
    await this.#supervise(plan, signal);
    this.brokers.push(`${LOOPBACK}:${ports.kafka}`);
  }

  async #startPostgres(port: number, signal: AbortSignal): Promise<void> {
    const { plan, databaseUrl } = await preparePostgres({ dataDir: this.#dataDir, port });
    await this.#supervise(plan, signal);
    this.databaseUrl = databaseUrl;
  }

  async #supervise(plan: ServerPlan, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { log, restartOnCrash, onProgress } = this.#options;
    const supervisor = await Supervisor.start(plan, {
      ...{ log, restartOnCrash, onProgress, signal, clock: this.#clock },
      onSpawn: (pid) => this.#note({ pids: { ...this.#remembered.pids, [plan.name]: pid } }),
      onChange: () => this.#changeListeners.forEach((listener) => listener()),
      onFailure: (error) => this.#failureListeners.forEach((listener) => listener(error)),
    });
    this.#supervisors.set(plan.name, supervisor);
  }

  #note(changes: Partial<Remembered>): void {
    this.#remembered = { ...this.#remembered, ...changes };
    remember(this.#dataDir, this.#remembered);
  }
}
