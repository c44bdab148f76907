/** The embedded Kafka: its files in `<dataDir>/kafka`, formatted once, and how its process is run. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { InorderError, messageOf } from '../errors.js';
import type { DataDir } from './data-dir.js';
import { LOG4J2_PROPERTIES, serverProperties, type KafkaPorts } from './kafka-config.js';
import { tailOf } from './server-log.js';
import type { ServerPlan } from './supervisor.js';

export const KAFKA_STOP = [
  { signal: 'SIGTERM', waitMs: 20_000 },
  { signal: 'SIGKILL', waitMs: 5_000 },
] as const;

/** Reading back large logs after a crash takes its time. */
const START_TIMEOUT_MS = 180_000;
const FORMAT_TIMEOUT_MS = 60_000;
/** What the broker logs once it takes requests. */
const STARTED = 'Kafka Server started';
/** Heap and collector as Kafka's own scripts set them, the heap's start smaller; a broker out of memory must die to be restarted. */
const JVM_OPTIONS = [
  '-Xms256m',
  '-Xmx1g',
  '-XX:+UseG1GC',
  '-XX:MaxGCPauseMillis=20',
  '-XX:InitiatingHeapOccupancyPercent=35',
  '-XX:+ExplicitGCInvokesConcurrent',
  '-XX:+ExitOnOutOfMemoryError',
  '-Djava.awt.headless=true',
] as const;

const run = promisify(execFile);

export interface KafkaSite {
  readonly dataDir: DataDir;
  readonly ports: KafkaPorts;
  readonly java: string;
  /** The folder of jars. */
  readonly libs: string;
}

/** What the command line of this data dir's Kafka holds and no other's. */
export function kafkaMark(dataDir: DataDir): string {
  return propertiesPath(dataDir);
}

/** Writes the configuration, formats the storage if this is the first start, and says how to run the server. */
export async function prepareKafka(site: KafkaSite): Promise<ServerPlan> {
  const { dataDir, ports, java, libs } = site;
  const folder = dataDir.folder('kafka');
  const dataPath = join(folder, 'data');
  mkdirSync(folder, { recursive: true });
  writeFileSync(log4jPath(dataDir), LOG4J2_PROPERTIES);
  writeFileSync(propertiesPath(dataDir), serverProperties(ports, dataPath));
  if (!existsSync(dataPath)) await format(site, dataPath);
  const options = [...JVM_OPTIONS, `-Dlog4j2.configurationFile=${log4jPath(dataDir)}`, '-cp', join(libs, '*')];
  return {
    name: 'kafka',
    title: 'Kafka',
    port: ports.kafka,
    command: [java, ...options, 'kafka.Kafka', propertiesPath(dataDir)],
    mark: kafkaMark(dataDir),
    runAs: null,
    logPath: dataDir.logPath('kafka'),
    stopSteps: KAFKA_STOP,
    startTimeoutMs: START_TIMEOUT_MS,
    isReady: (_pid, log) => log.includes(STARTED),
  };
}

/** Formats beside the place and renames: a kill in between leaves nothing that looks formatted. */
async function format({ dataDir, ports, java, libs }: KafkaSite, dataPath: string): Promise<void> {
  const fresh = `${dataPath}.new`;
  const properties = join(dataDir.folder('kafka'), 'format.properties');
  rmSync(fresh, { recursive: true, force: true });
  writeFileSync(properties, serverProperties(ports, fresh));
  const options = ['-Xmx256m', '-XX:TieredStopAtLevel=1', `-Dlog4j2.configurationFile=${log4jPath(dataDir)}`];
  const tool = ['-cp', join(libs, '*'), 'kafka.tools.StorageTool', 'format', '--cluster-id', newClusterId()];
  try {
    await run(java, [...options, ...tool, '--config', properties], { timeout: FORMAT_TIMEOUT_MS });
  } catch (cause) {
    const { stdout = '', stderr = '' } = cause as { stdout?: string; stderr?: string };
    const said = tailOf(`${stdout}\n${stderr}`);
    throw new InorderError('server_start_failed', `Kafka's storage was not formatted: ${messageOf(cause)}\n${said}`, {
      cause,
    });
  } finally {
    rmSync(properties, { force: true });
  }
  renameSync(fresh, dataPath);
}

/** 16 bytes in URL-safe base64, which must not begin with a dash: the tool would take it for an option. */
function newClusterId(): string {
  return randomBytes(16).toString('base64url').replace(/^-/, 'A');
}

function propertiesPath(dataDir: DataDir): string {
  return join(dataDir.folder('kafka'), 'server.properties');
}

function log4jPath(dataDir: DataDir): string {
  return join(dataDir.folder('kafka'), 'log4j2.properties');
}
