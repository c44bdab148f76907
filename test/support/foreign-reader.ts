/**
 * Reads a topic with a client that is not ours (kcat where it is installed, else Kafka's own Java client, from the jars of
 * the embedded Kafka), read_committed, from the beginning to the end. What it shows is what strangers see.
 */
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findKafkaJars } from '../../src/embedded/kafka-jars.js';
import { JARS_CACHE } from './data-dir.js';

export interface ForeignRecord {
  readonly partition: number;
  readonly offset: number;
  readonly key: string;
  readonly value: string;
}

/** Never in a key or a value of ours: control characters are escaped in JSON, and the workload's ids have none. */
const FIELD = '\x1f';
const RECORD = '\x1e';

export async function readWithForeignClient(
  brokers: readonly string[],
  topic: string,
  client: 'kcat' | 'java' = hasKcat() ? 'kcat' : 'java',
): Promise<ForeignRecord[]> {
  const [command, args] = client === 'kcat' ? kcat(brokers, topic) : javaConsumer(brokers, topic);
  const text = await outputOf(command, args);
  return text
    .split(`${RECORD}\n`)
    .slice(0, -1)
    .map((line) => {
      const [partition, offset, key, value] = line.split(FIELD);
      if (partition === undefined || offset === undefined || key === undefined || value === undefined) {
        throw new Error(`${command} printed a record that can't be read: ${line.slice(0, 200)}`);
      }
      return { partition: Number(partition), offset: Number(offset), key, value };
    });
}

function hasKcat(): boolean {
  return spawnSync('kcat', ['-V']).status === 0;
}

function kcat(brokers: readonly string[], topic: string): [string, string[]] {
  const format = `%p${FIELD}%o${FIELD}%k${FIELD}%s${RECORD}\n`;
  const options = ['-q', '-e', '-o', 'beginning', '-X', 'isolation.level=read_committed', '-f', format];
  return ['kcat', ['-C', '-b', brokers.join(','), '-t', topic, ...options]];
}

function javaConsumer(brokers: readonly string[], topic: string): [string, string[]] {
  const program = fileURLToPath(new URL('./ReadTopic.java', import.meta.url));
  return [
    'java',
    ['-XX:TieredStopAtLevel=1', '-cp', join(libs(), '*'), program, brokers.join(','), topic, FIELD, RECORD],
  ];
}

function libs(): string {
  const found = findKafkaJars(JARS_CACHE);
  if (found === null) throw new Error('no client to read with: install kcat, or let the tests fetch Kafka once');
  return found;
}

async function outputOf(command: string, args: readonly string[]): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const chunks: Buffer[] = [];
  let complaints = '';
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => (complaints += chunk.toString()));
  const code = await new Promise<number | null>((done, failed) => {
    child.once('error', failed);
    child.once('close', done);
  });
  const text = Buffer.concat(chunks).toString('utf8');
  if (code !== 0 || (text === '' && /error/i.test(complaints))) {
    throw new Error(`${command} ended with ${code}: ${complaints.slice(-500)}`);
  }
  return text;
}
