/**
 * Reads a topic with a client that is not ours (kcat where it is installed, else the Java console consumer of the
 * embedded Kafka's jars), read_committed, from the beginning to the end. What it shows is what strangers see.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

export interface ForeignRecord {
  readonly partition: number;
  readonly offset: number;
  readonly key: string;
  readonly value: string;
}

/** Never in a key or a value of ours: control characters are escaped in JSON, and the workload's ids have none. */
const FIELD = '\x1f';
const RECORD = '\x1e';
const QUIET_MS = 4_000;

export async function readWithForeignClient(brokers: readonly string[], topic: string): Promise<ForeignRecord[]> {
  const [command, args] = hasKcat() ? kcat(brokers, topic) : javaConsumer(brokers, topic);
  const text = await outputOf(command, args);
  return text
    .split(`${RECORD}\n`)
    .slice(0, -1)
    .map((line) => {
      const [partition, offset, key, value] = line.split(FIELD);
      if (partition === undefined || offset === undefined || key === undefined || value === undefined) {
        throw new Error(`${command} printed a record that can't be read: ${line.slice(0, 200)}`);
      }
      return { partition: numberIn(partition), offset: numberIn(offset), key, value };
    });
}

function numberIn(text: string): number {
  return Number(/\d+$/.exec(text)?.[0]);
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
  const format = {
    'print.partition': 'true',
    'print.offset': 'true',
    'print.key': 'true',
    'key.separator': FIELD,
    'line.separator': `${RECORD}\n`,
  };
  return [
    'java',
    [
      ...['-cp', join(libs(), '*'), 'org.apache.kafka.tools.consumer.ConsoleConsumer'],
      ...['--bootstrap-server', brokers.join(','), '--topic', topic, '--from-beginning'],
      ...['--isolation-level', 'read_committed', '--timeout-ms', String(QUIET_MS)],
      ...Object.entries(format).flatMap(([name, value]) => ['--formatter-property', `${name}=${value}`]),
    ],
  ];
}

function libs(): string {
  const cache = resolve('node_modules/.cache/inorder');
  const kafka = existsSync(cache) ? readdirSync(cache).find((name) => name.startsWith('kafka-')) : undefined;
  if (kafka === undefined) throw new Error('no client to read with: install kcat, or let the tests fetch Kafka once');
  return join(cache, kafka, 'libs');
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
  if (code !== 0 || (text === '' && /error/i.test(complaints) && !/TimeoutException/.test(complaints))) {
    throw new Error(`${command} ended with ${code}: ${complaints.slice(-500)}`);
  }
  return text;
}
