/** The compose stack as an operator uses it: up, load, scale under load, kill a container, down; exact all along. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { compareTopicAndTable, countRows } from '../support/compare.js';
import { readWithForeignClient } from '../support/foreign-reader.js';
import { inorder, InorderProcess } from '../support/stage-process.js';
import { until } from '../support/until.js';

const COUNT = 40_000;
const RATE = 1_000;
const PROJECT = `inorder-test-${process.pid}`;
const FILES = ['-f', 'docker-compose.yml', '-f', 'test/containers/compose.ports.yml'];

let environment: Record<string, string>;
let brokers: string[];
let databaseUrl: string;

const run = promisify(execFile);

async function compose(...args: string[]): Promise<string> {
  const env = { ...process.env, ...environment };
  const { stdout } = await run('docker', ['compose', '-p', PROJECT, ...FILES, ...args], { env, maxBuffer: 1 << 26 });
  return stdout;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}

/** Ids of the running containers of a service, oldest first. */
async function containersOf(service: string): Promise<string[]> {
  return (await compose('ps', '-q', service)).split('\n').filter((id) => id !== '');
}

beforeAll(async () => {
  const [kafkaPort, pgPort] = [await freePort(), await freePort()];
  environment = { INORDER_KAFKA_PORT: String(kafkaPort), INORDER_TEST_PG_PORT: String(pgPort) };
  brokers = [`localhost:${kafkaPort}`];
  databaseUrl = `postgres://inorder:inorder@127.0.0.1:${pgPort}/inorder`;
  await compose('up', '-d', '--wait', '--build');
}, 600_000);

afterAll(async () => {
  await compose('down', '-v', '--timeout', '20');
  const { stdout } = await run('docker', ['ps', '-aq', '--filter', `label=com.docker.compose.project=${PROJECT}`]);
  expect(stdout.trim()).toBe('');
}, 120_000);

test('scaled to three and back and with a container killed, under load, topic and tables stay exact and equal', async () => {
  const load = new InorderProcess(
    [
      'produce',
      '--count',
      String(COUNT),
      '--rate',
      String(RATE),
      '--conversations',
      '300',
      '--duplicates',
      '5%',
      '--bad',
      '1%',
      '--json',
    ],
    { KAFKA_BROKERS: brokers.join(',') },
  );
  await compose('up', '-d', '--wait', '--no-recreate', '--scale', 'logic=3');
  const workers = await containersOf('logic');
  expect(workers.length).toBe(3);
  const owners = (): Promise<number> => countRows(databaseUrl, 'SELECT count(DISTINCT owner) FROM lane');
  await until('three owners of lanes', async () => (await owners()) === 3, 60_000);

  await run('docker', ['kill', '--signal', 'KILL', workers[0] ?? '']);
  await until('the lanes of the killed container owned by others', async () => (await owners()) === 2, 60_000);
  await compose('up', '-d', '--wait', '--no-recreate', '--scale', 'logic=1');
  await until('one owner of all lanes', async () => (await owners()) === 1, 60_000);

  expect((await load.exit).code).toBe(0);
  const { expected } = JSON.parse(load.stdout) as { expected: { messages: number; deadLetters: number } };
  const rows = (): Promise<number> => countRows(databaseUrl, 'SELECT count(*) FROM message');
  await until(`${expected.messages} rows`, async () => (await rows()) >= expected.messages, 120_000);
  await until(
    'everything delivered',
    async () => (await readWithForeignClient(brokers, 'im.delivery')).length >= expected.messages,
    60_000,
  );
  const delivered = await readWithForeignClient(brokers, 'im.delivery');
  expect(await compareTopicAndTable(delivered, databaseUrl)).toEqual([]);
  expect(delivered.length).toBe(expected.messages);
  expect((await readWithForeignClient(brokers, 'im.dlq')).length).toBe(expected.deadLetters);
}, 600_000);

test('a stranger outside produces and reads with any client, and the sample consumer prints it', async () => {
  const envelope = {
    senderId: 'alice',
    groupId: 'compose',
    clientMsgId: 'c-1',
    sentAt: 1_764_000_000_000,
    body: 'hello',
  };
  await inorder(['produce', '-'], { KAFKA_BROKERS: brokers.join(',') }, `${JSON.stringify(envelope)}\n`);
  const arrived = async (): Promise<boolean> =>
    (await readWithForeignClient(brokers, 'im.delivery')).some(({ key }) => key === 'group:compose');
  await until('the message in im.delivery', arrived, 30_000);
  const printed = async (): Promise<boolean> => /group:compose/.test(await compose('logs', 'delivery'));
  await until('a line of the sample consumer', printed, 30_000);
  const [record] = (await readWithForeignClient(brokers, 'im.delivery')).filter(({ key }) => key === 'group:compose');
  expect(JSON.parse(record?.value ?? '')).toMatchObject({ ...envelope, seq: 1 });
}, 120_000);
