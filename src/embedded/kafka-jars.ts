/**
 * Kafka's jars: fetched once by Maven into `<dir>/kafka-<version>/libs`. The folder appears whole or not at all (a
 * download in a folder of its own, then a rename), and a list of what is in it tells when something went missing since.
 */
import { spawn } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { invariant } from '../invariant.js';
import { InorderError } from '../errors.js';
import { birthOf } from '../files/process-facts.js';
import { tailOf } from './server-log.js';

export interface FetchOptions {
  /** Where `kafka-<version>` is or will be. */
  readonly dir: string;
  readonly mvn: string;
  /** Called at least once a second while Maven works. */
  readonly onProgress: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

const POM = fileURLToPath(new URL('./pom.xml', import.meta.url));
const PROGRESS_EVERY_MS = 1_000;
/** Maven retries and times out by itself; this is for a Maven that hangs. */
const SILENCE_LIMIT_MS = 180_000;
const LIST = 'whole.json';
const UNIT_BYTES: Readonly<Record<string, number>> = { B: 1, kB: 1e3, MB: 1e6, GB: 1e9 };

/** The version that pom.xml pins. */
export function kafkaVersion(): string {
  const [, version] = /<kafka\.version>([^<]+)</.exec(readFileSync(POM, 'utf8')) ?? [];
  invariant(version !== undefined, 'pom.xml pins kafka.version');
  return version;
}

/** The folder of jars, or null where it is absent or not as it was fetched. */
export function findKafkaJars(dir: string): string | null {
  const home = homeIn(dir);
  try {
    const list = JSON.parse(readFileSync(join(home, LIST), 'utf8')) as Record<string, number>;
    const isWhole = Object.entries(list).every(([name, bytes]) => statSync(join(home, 'libs', name)).size === bytes);
    return isWhole ? join(home, 'libs') : null;
  } catch {
    return null;
  }
}

/** Fetches the jars. @returns their folder. @throws InorderError server_start_failed with what Maven said. */
export async function fetchKafkaJars({ dir, mvn, onProgress, signal }: FetchOptions): Promise<string> {
  const home = homeIn(dir);
  mkdirSync(dir, { recursive: true });
  removeAbandoned(dir);
  const fresh = `${home}.fetching-${process.pid}`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(join(fresh, 'libs'), { recursive: true });
  try {
    // A copy: Maven wants to write beside its pom, and ours may lie in a read-only install.
    copyFileSync(POM, join(fresh, 'pom.xml'));
    await runMaven(mvn, fresh, onProgress, signal);
    const sizes = sizesIn(join(fresh, 'libs'));
    if (!(`kafka_2.13-${kafkaVersion()}.jar` in sizes)) throw mavenFailed('it brought no Kafka', Object.keys(sizes));
    writeFileSync(join(fresh, LIST), JSON.stringify(sizes, null, 1));
    putInPlace(fresh, home, dir);
    onProgress(`Kafka ${kafkaVersion()} is here: ${describe(Object.values(sizes), 'jars')}`);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return join(home, 'libs');
}

function homeIn(dir: string): string {
  return join(dir, `kafka-${kafkaVersion()}`);
}

/** Another start may have fetched the same meanwhile: then its folder stands, and ours goes. */
function putInPlace(fresh: string, home: string, dir: string): void {
  if (findKafkaJars(dir) !== null) return;
  rmSync(home, { recursive: true, force: true });
  renameSync(fresh, home);
}

/** What a killed start left half-fetched. */
function removeAbandoned(dir: string): void {
  for (const name of readdirSync(dir)) {
    const [, pid] = /^kafka-.*\.fetching-(\d+)$/.exec(name) ?? [];
    if (pid !== undefined && birthOf(Number(pid)) === null) rmSync(join(dir, name), { recursive: true, force: true });
  }
}

function runMaven(
  mvn: string,
  home: string,
  onProgress: FetchOptions['onProgress'],
  signal?: AbortSignal,
): Promise<void> {
  const args = [
    '-B',
    '-Dstyle.color=never',
    'dependency:copy-dependencies',
    '-DincludeScope=runtime',
    '-DoutputDirectory=libs',
  ];
  const child = spawn(mvn, args, { cwd: home, stdio: ['ignore', 'pipe', 'pipe'], signal });
  const said: string[] = [];
  const fetched: number[] = [];
  const startedAtMs = performance.now();
  let heardAtMs = startedAtMs;
  const hear = (line: string): void => {
    heardAtMs = performance.now();
    const bytes = downloadedBytes(line);
    if (bytes !== null) fetched.push(bytes);
    else if (!/^(Downloading|Progress)|Download(ing|ed) from/.test(line)) said.push(line);
  };
  createInterface({ input: child.stdout }).on('line', hear);
  createInterface({ input: child.stderr }).on('line', hear);
  const timer = setInterval(() => {
    const seconds = Math.round((performance.now() - startedAtMs) / 1_000);
    // What Maven's own cache holds is only copied, and that comes last.
    const copied = Object.values(sizesIn(join(home, 'libs')));
    const sofar = describe(copied.length > fetched.length ? copied : fetched, 'files');
    onProgress(`fetching Kafka ${kafkaVersion()} by Maven: ${sofar} so far (${seconds} s)`);
    if (performance.now() - heardAtMs > SILENCE_LIMIT_MS) child.kill('SIGKILL');
  }, PROGRESS_EVERY_MS);
  return new Promise<void>((resolve, reject) => {
    child.once('error', (cause) =>
      reject(signal?.aborted === true ? cause : mavenFailed('it does not run', [cause.message])),
    );
    child.once('close', (code, killedBy) => {
      if (code === 0) resolve();
      else reject(mavenFailed(killedBy === null ? `it ended with code ${code}` : `it was ended by ${killedBy}`, said));
    });
  }).finally(() => clearInterval(timer));
}

/** The size in Maven's line about a jar that came: `Downloaded from central: …/a.jar (11 MB at 9.5 MB/s)`. */
export function downloadedBytes(line: string): number | null {
  const [, amount, unit] = /Downloaded from .*\.jar \(([\d.]+) (B|kB|MB|GB)\b/.exec(line) ?? [];
  return amount === undefined || unit === undefined ? null : Number(amount) * (UNIT_BYTES[unit] ?? 1);
}

function sizesIn(libs: string): Record<string, number> {
  const names = readdirSync(libs).filter((name) => name.endsWith('.jar'));
  return Object.fromEntries(names.map((name) => [name, statSync(join(libs, name)).size]));
}

function describe(sizes: readonly number[], what: string): string {
  const megabytes = sizes.reduce((sum, bytes) => sum + bytes, 0) / 1e6;
  return `${sizes.length} ${what}, ${megabytes.toFixed(1)} MB`;
}

function mavenFailed(what: string, said: readonly string[]): InorderError {
  return new InorderError(
    'server_start_failed',
    `Maven could not fetch Kafka ${kafkaVersion()}: ${what}\n${tailOf(said.join('\n'))}\n` +
      'Is its repository reachable? Or set KAFKA_BROKERS to a Kafka that runs already.',
  );
}
