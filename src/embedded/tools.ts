/** Finds java and mvn, the two programs that npm can't bring along. */
import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { InorderError } from '../errors.js';

export interface Tools {
  readonly java: string;
  /** null where it was not looked for. */
  readonly mvn: string | null;
}

type Found = { readonly kind: 'found'; readonly path: string } | { readonly kind: 'missing'; readonly why: string };

const OLDEST_JAVA = 17;
const VERSION_TIMEOUT_MS = 20_000;
const run = promisify(execFile);

/**
 * @param javaHome JAVA_HOME; null where it is unset. Set, it is the only place looked at.
 * @throws InorderError tool_missing that says what was looked for, what was found, and how to install it.
 */
export async function findTools(javaHome: string | null, needs: { mvn: boolean }): Promise<Tools> {
  const [java, mvn] = await Promise.all([findJava(javaHome), needs.mvn ? findMaven() : null]);
  const missing = [java, mvn].flatMap((tool) => (tool?.kind === 'missing' ? [tool.why] : []));
  if (java.kind === 'missing' || mvn?.kind === 'missing') throw toolMissing(missing);
  return { java: java.path, mvn: mvn?.path ?? null };
}

async function findJava(javaHome: string | null): Promise<Found> {
  const isSet = javaHome !== null && javaHome !== '';
  const path = isSet ? join(resolve(javaHome), 'bin', 'java') : 'java';
  const place = isSet ? `at ${path} (JAVA_HOME)` : 'on the PATH (JAVA_HOME is unset)';
  const wanted = `the embedded Kafka needs Java ${OLDEST_JAVA} or newer`;
  let said: string;
  try {
    const { stdout, stderr } = await run(path, ['-version'], { timeout: VERSION_TIMEOUT_MS });
    said = stderr + stdout;
  } catch (error) {
    const isAbsent = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return { kind: 'missing', why: `${wanted}: ${isAbsent ? 'there is none' : 'what is there does not run'} ${place}` };
  }
  const major = javaMajorOf(said);
  if (major === null) return { kind: 'missing', why: `${wanted}: what is ${place} does not tell its version` };
  if (major < OLDEST_JAVA) return { kind: 'missing', why: `${wanted}: found version ${major} ${place}` };
  return { kind: 'found', path };
}

async function findMaven(): Promise<Found> {
  try {
    await run('mvn', ['--version'], { timeout: VERSION_TIMEOUT_MS });
    return { kind: 'found', path: 'mvn' };
  } catch (error) {
    const isAbsent = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const what = isAbsent ? 'there is no mvn on the PATH' : 'the mvn on the PATH does not run';
    return { kind: 'missing', why: `Maven fetches Kafka's jars, once: ${what}` };
  }
}

/** The major version in the output of `java -version`: 8 for "1.8.0_392", 21 for "21.0.2". */
export function javaMajorOf(output: string): number | null {
  const [, first, second] = /version "(\d+)(?:\.(\d+))?/.exec(output) ?? [];
  if (first === undefined) return null;
  return first === '1' && second !== undefined ? Number(second) : Number(first);
}

function toolMissing(whys: readonly string[]): InorderError {
  const lines = [
    ...whys,
    'Debian, Ubuntu:  sudo apt-get install openjdk-17-jdk-headless maven   (or openjdk-21-jdk-headless)',
    'macOS:           brew install openjdk@21 maven && export JAVA_HOME="$(brew --prefix openjdk@21)"',
    'Or set KAFKA_BROKERS to a Kafka that runs already.',
  ];
  return new InorderError('tool_missing', lines.join('\n'));
}
