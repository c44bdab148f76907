/** Three Kafka brokers that are controllers too (RF 3, min.insync 2), from the jars of the embedded one; clients reach them through gates. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemClock } from '../../src/clock/clock.js';
import { openDataDir, type DataDir } from '../../src/embedded/data-dir.js';
import { LOG4J2_PROPERTIES, serverProperties } from '../../src/embedded/kafka-config.js';
import { prepareKafka } from '../../src/embedded/kafka-server.js';
import { choosePort, LOOPBACK } from '../../src/embedded/ports.js';
import { Supervisor } from '../../src/embedded/supervisor.js';
import { messageOf } from '../../src/errors.js';
import { silentLog } from '../../src/observe/log.js';
import { TcpGate } from '../support/tcp-gate.js';

const BROKERS = 3;
const HEAP = '-Xmx512m';
const run = promisify(execFile);

interface Ports {
  readonly client: number;
  readonly internal: number;
  readonly controller: number;
}

export interface Broker {
  readonly id: number;
  readonly gate: TcpGate;
  /** Where its log segments are. */
  readonly folder: string;
  /** Undefined while it is dead. */
  pid(): number | undefined;
}

export interface ClusterOptions {
  /** A folder for each broker; may lie on disks of their own. */
  readonly folders: readonly string[];
  readonly libs: string;
  readonly java: string;
  readonly onFailure: (what: string) => void;
}

export class Cluster {
  readonly brokers: readonly Broker[];
  /** Through the gates: for what is to be disturbed. */
  readonly gated: string;
  /** Around the gates: for those who watch. */
  readonly direct: string;
  readonly #supervisors: readonly Supervisor[];

  private constructor(brokers: readonly Broker[], ports: readonly Ports[], supervisors: readonly Supervisor[]) {
    this.brokers = brokers;
    this.gated = brokers.map(({ gate }) => `${LOOPBACK}:${gate.port}`).join(',');
    this.direct = ports.map(({ internal }) => `${LOOPBACK}:${internal}`).join(',');
    this.#supervisors = supervisors;
  }

  /** Resolves when all brokers take clients. A start that fails leaves nothing behind. */
  static async start(options: ClusterOptions): Promise<Cluster> {
    const ports = await choosePorts();
    const gates = ports.map(({ client }) => new TcpGate({ host: LOOPBACK, port: client }));
    await Promise.all(gates.map((gate) => gate.open()));
    const clusterId = `A${randomBytes(16).toString('base64url').slice(1)}`;
    const starts = options.folders.map((folder, index) => {
      const properties = (dataPath: string): string =>
        brokerProperties(index, ports, gates[index]?.port ?? 0, dataPath);
      return startBroker(openDataDir(folder), ports[index] ?? ports[0]!, clusterId, properties, options);
    });
    const settled = await Promise.allSettled(starts);
    const started = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const failed = settled.find((one) => one.status === 'rejected');
    if (failed !== undefined) {
      await Promise.all([...started.map((one) => one.stop()), ...gates.map((gate) => gate.close())]);
      throw failed.reason;
    }
    const brokers = started.map((supervisor, index): Broker => {
      const folder = options.folders[index] ?? '';
      return { id: index + 1, gate: gates[index]!, folder, pid: () => supervisor.pid };
    });
    return new Cluster(brokers, ports, started);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#supervisors.map((supervisor) => supervisor.stop()));
    await Promise.all(this.brokers.map(({ gate }) => gate.close()));
  }
}

async function choosePorts(): Promise<Ports[]> {
  const taken: number[] = [];
  const free = async (): Promise<number> => {
    const port = await choosePort({ asked: 0, variable: '', remembered: undefined, usual: null }, taken);
    taken.push(port);
    return port;
  };
  const ports: Ports[] = [];
  for (let i = 0; i < BROKERS; i++) {
    ports.push({ client: await free(), internal: await free(), controller: await free() });
  }
  return ports;
}

/** The embedded broker's settings, with those of a cluster in their place. */
function brokerProperties(index: number, all: readonly Ports[], gatePort: number, dataPath: string): string {
  const own = all[index]!;
  const settings: Record<string, string | number> = {
    'node.id': index + 1,
    'controller.quorum.voters': all.map(({ controller }, i) => `${i + 1}@${LOOPBACK}:${controller}`).join(','),
    listeners:
      `CLIENT://${LOOPBACK}:${own.client},INTERNAL://${LOOPBACK}:${own.internal},` +
      `CONTROLLER://${LOOPBACK}:${own.controller}`,
    'advertised.listeners': `CLIENT://${LOOPBACK}:${gatePort},INTERNAL://${LOOPBACK}:${own.internal}`,
    'listener.security.protocol.map': 'CLIENT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'INTERNAL',
    'default.replication.factor': 3,
    'min.insync.replicas': 2,
    'offsets.topic.replication.factor': 3,
    'transaction.state.log.replication.factor': 3,
    'transaction.state.log.min.isr': 2,
    'share.coordinator.state.topic.replication.factor': 3,
    'share.coordinator.state.topic.min.isr': 2,
    'unclean.leader.election.enable': 'false',
    // A paused broker leaves the in-sync replicas soon, so that acks=all goes on without it.
    'replica.lag.time.max.ms': 3_000,
    // Leaders come back to the broker that had them, or the first one paused would end with none.
    'leader.imbalance.check.interval.seconds': 30,
    'num.network.threads': 2,
    'num.io.threads': 4,
  };
  const kept = serverProperties({ kafka: own.client, controller: own.controller }, dataPath)
    .trimEnd()
    .split('\n')
    .filter((line) => !(line.slice(0, line.indexOf('=')) in settings));
  return `${[...kept, ...Object.entries(settings).map(([name, value]) => `${name}=${value}`)].join('\n')}\n`;
}

async function startBroker(
  dataDir: DataDir,
  ports: Ports,
  clusterId: string,
  properties: (dataPath: string) => string,
  { java, libs, onFailure }: ClusterOptions,
): Promise<Supervisor> {
  const folder = dataDir.folder('kafka');
  const dataPath = join(folder, 'data');
  const propertiesPath = join(folder, 'server.properties');
  const log4jPath = join(folder, 'log4j2.properties');
  mkdirSync(folder, { recursive: true });
  writeFileSync(propertiesPath, properties(dataPath));
  writeFileSync(log4jPath, LOG4J2_PROPERTIES);
  if (!existsSync(dataPath)) {
    const options = [
      HEAP,
      '-XX:TieredStopAtLevel=1',
      `-Dlog4j2.configurationFile=${log4jPath}`,
      '-cp',
      join(libs, '*'),
    ];
    const tool = ['kafka.tools.StorageTool', 'format', '--cluster-id', clusterId, '--config', propertiesPath];
    await run(java, [...options, ...tool], { timeout: 120_000 }).catch((error: unknown) => {
      throw new Error(`a broker's storage was not formatted: ${messageOf(error)}`);
    });
  }
  const site = { dataDir, ports: { kafka: ports.client, controller: ports.controller }, java, libs };
  const plan = await prepareKafka(site);
  writeFileSync(propertiesPath, properties(dataPath)); // it wrote those of a single broker
  const command = plan.command.map((part) => (/^-Xmx/.test(part) ? HEAP : part.replace(/^-Xms.*/, '-Xms128m')));
  return Supervisor.start(
    { ...plan, command },
    {
      ...{ log: silentLog, clock: systemClock, restartOnCrash: true },
      onProgress: () => undefined,
      onSpawn: () => undefined,
      onChange: () => undefined,
      onFailure: (error) => onFailure(error.message),
    },
  );
}
