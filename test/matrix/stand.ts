/** Everything that a run needs: three brokers, PostgreSQL, gates, workers, a load and those who watch. Leaves nothing behind. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { chmod, rm } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/clock/clock.js';
import { openDataDir } from '../../src/embedded/data-dir.js';
import { fetchKafkaJars, findKafkaJars } from '../../src/embedded/kafka-jars.js';
import { choosePort, LOOPBACK } from '../../src/embedded/ports.js';
import { preparePostgres } from '../../src/embedded/postgres-server.js';
import { birthOf } from '../../src/files/process-facts.js';
import { Supervisor } from '../../src/embedded/supervisor.js';
import { findTools } from '../../src/embedded/tools.js';
import { silentLog } from '../../src/observe/log.js';
import { JARS_CACHE } from '../support/data-dir.js';
import { inorder, InorderProcess } from '../support/stage-process.js';
import { TcpGate } from '../support/tcp-gate.js';
import { Cluster } from './cluster.js';
import { DeliveryWatch } from './delivery-watch.js';
import { findFaketime, type SteppedClock } from './stepped-clock.js';
import { HandledOrder } from './handled-order.js';
import { LOGIC_WORKERS } from './schedule.js';
import { SmallDisk } from './small-disk.js';
import { Timeline } from './timeline.js';
import { Worker } from './worker.js';

const FOLDER = 'inorder-faults-';
/** Of the workers: a killed one is missed sooner than by default, so that more faults fit into a minute. */
const SESSION = { INORDER_SESSION_TIMEOUT_MS: '3000', INORDER_HEARTBEAT_INTERVAL_MS: '500' };

export interface StandOptions {
  readonly seed: number;
  readonly ratePerSecond: number;
  /** The last broker and PostgreSQL lie on small disks. */
  readonly smallDisks: boolean;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface LoadOptions {
  /** Null: until it is ended. */
  readonly count: number | null;
  readonly ratePerSecond: number;
  /** Of the records, what is broken, sent again, or comes after later ones. */
  readonly shares?: Readonly<Partial<Record<'bad' | 'duplicates' | 'reorder', string>>>;
}

export class Stand {
  readonly timeline: Timeline;
  readonly handled = new HandledOrder();
  readonly hits = new Map<string, number>();
  /** What must not happen, whatever is done to the system. */
  readonly findings: string[] = [];
  /** What lanes that halted said. */
  readonly halted: string[] = [];
  readonly workers: Worker[] = [];
  cluster!: Cluster;
  postgresGate!: TcpGate;
  watch!: DeliveryWatch;
  /** Around the gate: for those who watch. */
  databaseUrl = '';
  /** The places of all records that a producer was told of, as JSON lines. */
  readonly acknowledgedPath: string;
  /** Through the gates. */
  env: Record<string, string> = {};
  /** Around the gates. */
  directEnv: Record<string, string> = {};
  /** Or why there is none. */
  postgresDisk: SmallDisk | string = 'no small disk was asked for';
  brokerDisk: SmallDisk | string = 'no small disk was asked for';
  clock: SteppedClock | string = findFaketime();
  readonly #options: StandOptions;
  readonly #root: string;
  #loadCount = 0;
  readonly #loads: { readonly process: InorderProcess; readonly what: string; readonly endsItself: boolean }[] = [];
  readonly #closers: (() => Promise<void> | void)[] = [];
  #postgres!: Supervisor;

  constructor(options: StandOptions) {
    this.#options = options;
    removeLeftovers();
    this.#root = mkdtempSync(join(tmpdir(), `${FOLDER}${process.pid}-`));
    this.acknowledgedPath = join(this.#root, 'acknowledged.jsonl');
    this.timeline = new Timeline(options.say);
    this.#closers.push(() => rm(this.#root, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }));
  }

  get postgresPid(): number | undefined {
    return this.#postgres.pid;
  }

  /** @throws what could not be started; `close` then ends what could. */
  async open(): Promise<void> {
    const { smallDisks, say } = this.#options;
    await chmod(this.#root, 0o755); // PostgreSQL may have to be another user
    if (smallDisks) {
      this.postgresDisk = this.#mount('postgres-disk');
      this.brokerDisk = this.#mount('broker-3');
    }
    say('starting three brokers and PostgreSQL');
    await Promise.all([this.#openCluster(), this.#openPostgres()]);
    this.#throwIfAborted();
    this.env = { KAFKA_BROKERS: this.cluster.gated, ...this.#shared(this.postgresGate.port) };
    this.directEnv = { KAFKA_BROKERS: this.cluster.direct, ...this.#shared(Number(new URL(this.databaseUrl).port)) };
    await inorder(['topics'], this.directEnv);
    await inorder(['migrate'], this.directEnv);
    this.#throwIfAborted();
    const seen = join(this.#root, 'readers.jsonl');
    this.watch = new DeliveryWatch(this.cluster.direct, 'im.delivery', seen, () => this.timeline.nowMs);
    this.#closers.push(() => this.watch.stop());
    this.#openWorkers();
  }

  /** Begins a load; `endLoads` tells what was acknowledged. */
  load(what: string, options: LoadOptions): void {
    const { count, ratePerSecond, shares = {} } = options;
    // A seed of its own: the same one again would repeat the same messages, duplicates all.
    const seed = this.#options.seed * 1000 + this.#loadCount++;
    const args = [
      'produce',
      '--json',
      '--rate',
      String(ratePerSecond),
      '--conversations',
      '200',
      '--seed',
      String(seed),
    ];
    const counted = count === null ? [] : ['--count', String(count)];
    const mixed = Object.entries(shares).flatMap(([name, share]) => [`--${name}`, share]);
    const written = ['--acknowledged', this.acknowledgedPath];
    const load = new InorderProcess([...args, ...counted, ...mixed, ...written], this.directEnv);
    this.#loads.push({ process: load, what, endsItself: count !== null });
    this.#closers.push(() => load.kill());
  }

  /** Ends all loads and sums up what the pipeline must make of them. @throws where one of them failed. */
  async endLoads(): Promise<{ acknowledged: number; messages: number; deadLetters: number; duplicates: number }> {
    const sum = { acknowledged: 0, messages: 0, deadLetters: 0, duplicates: 0 };
    for (const { process: load, what, endsItself } of this.#loads) {
      if (!endsItself) load.signal('SIGINT');
      const { code } = await load.exit;
      if (code !== 0) throw new Error(`${what} ended with ${code}: ${load.stderr.slice(-500)}`);
      const { acknowledged, expected } = JSON.parse(load.stdout) as {
        acknowledged: number;
        expected: { messages: number; deadLetters: number; duplicates: number };
      };
      sum.acknowledged += acknowledged;
      sum.messages += expected.messages;
      sum.deadLetters += expected.deadLetters;
      sum.duplicates += expected.duplicates;
    }
    this.#loads.length = 0;
    return sum;
  }

  /** One more worker, for a while; the caller ends it. */
  extraWorker(stage: 'ingest' | 'logic', number: number): Worker {
    const worker = new Worker(`${stage}-extra-${number}`, stage, this.env, this.#reports());
    this.#closers.push(() => worker.stop());
    return worker;
  }

  async stopWorkers(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.stop()));
  }

  startWorkers(): void {
    for (const worker of this.workers) worker.start();
  }

  /** Ends everything that was begun, last begun first. Never rejects. */
  async close(): Promise<void> {
    for (const closer of this.#closers.splice(0).reverse()) {
      try {
        await closer();
      } catch (error) {
        this.#options.say(`cleaning up: ${String(error)}`);
      }
    }
  }

  #shared(postgresPort: number): Record<string, string> {
    const url = new URL(this.databaseUrl);
    url.port = String(postgresPort);
    return { DATABASE_URL: url.href, INORDER_DATA_DIR: join(this.#root, 'none'), ...SESSION };
  }

  #mount(name: string): SmallDisk | string {
    const disk = SmallDisk.make(this.#root, name);
    if (typeof disk === 'string') return disk;
    this.#closers.push(() => disk.unmount());
    return disk;
  }

  async #openCluster(): Promise<void> {
    const { say, signal } = this.#options;
    const found = findKafkaJars(JARS_CACHE);
    const tools = await findTools(process.env['JAVA_HOME'] ?? null, { mvn: found === null });
    const libs = found ?? (await fetchKafkaJars({ dir: JARS_CACHE, mvn: tools.mvn ?? '', onProgress: say, signal }));
    const folders = [1, 2, 3].map((id) => join(this.#root, `broker-${id}`));
    const onFailure = (what: string): void => {
      this.findings.push(`a broker stayed dead: ${what}`);
    };
    this.cluster = await Cluster.start({ folders, libs, java: tools.java, onFailure });
    this.#closers.push(() => this.cluster.stop());
  }

  async #openPostgres(): Promise<void> {
    const dataDir = openDataDir(join(this.#root, 'postgres-disk'));
    const port = await choosePort({ asked: 0, variable: '', remembered: undefined, usual: null });
    const { plan, databaseUrl } = await preparePostgres({ dataDir, port });
    this.#postgres = await Supervisor.start(plan, {
      ...{ log: silentLog, clock: systemClock, restartOnCrash: true },
      onProgress: () => undefined,
      onSpawn: () => undefined,
      onChange: () => undefined,
      onFailure: (error) => this.findings.push(`PostgreSQL stayed dead: ${error.message}`),
    });
    this.#closers.push(() => this.#postgres.stop());
    this.databaseUrl = databaseUrl;
    this.postgresGate = new TcpGate({ host: LOOPBACK, port });
    await this.postgresGate.open();
    this.#closers.push(() => this.postgresGate.close());
  }

  #openWorkers(): void {
    const add = (name: string, stage: Worker['stage'], env: Record<string, string> = {}): void => {
      const printed = stage === 'delivery' ? (line: string): void => this.handled.take(line) : undefined;
      const reports = { ...this.#reports(), ...(printed === undefined ? {} : { printed }) };
      const worker = new Worker(name, stage, { ...this.env, ...env }, reports);
      this.workers.push(worker);
      this.#closers.push(() => worker.stop());
      worker.start();
    };
    add('delivery-1', 'delivery');
    for (let number = 1; number < LOGIC_WORKERS; number++) add(`logic-${number}`, 'logic');
    if (typeof this.clock !== 'string') this.clock.keepIn(join(this.#root, 'clock'));
    add(`logic-${LOGIC_WORKERS}`, 'logic', typeof this.clock === 'string' ? {} : this.clock.env());
    add('ingest-1', 'ingest');
  }

  #reports(): ConstructorParameters<typeof Worker>[3] {
    return {
      hit: (name) => this.hits.set(name, (this.hits.get(name) ?? 0) + 1),
      erred: ({ name }, line) => {
        this.timeline.note(`${name}: ${line.slice(0, 400)}`);
        if (line.includes('lane halted')) this.halted.push(line);
      },
      ended: ({ name }, how, lastWords) => {
        this.timeline.note(`${name} ended by itself (${how}) and was started again: ${lastWords}`);
        if (/invariant_broken|code 70/.test(`${how} ${lastWords}`)) {
          this.findings.push(`${name} ended (${how}): ${lastWords}`);
        }
      },
    };
  }

  #throwIfAborted(): void {
    this.#options.signal.throwIfAborted();
  }
}

/** What runs that were killed themselves have left: their servers ended with them (embedded/keeper.ts), their disks not. */
function removeLeftovers(): void {
  for (const name of readdirSync(tmpdir()).filter((one) => one.startsWith(FOLDER))) {
    const pid = Number(name.slice(FOLDER.length).split('-')[0]);
    if (pid === process.pid || birthOf(pid) !== null) continue;
    const root = join(tmpdir(), name);
    for (const disk of ['postgres-disk', 'broker-3']) {
      try {
        execFileSync('umount', [join(root, disk)], { stdio: 'pipe' });
      } catch {
        // It was none.
      }
    }
    rmSync(root, { recursive: true, force: true });
  }
}
