/** The embedded servers, for real: what survives a stop, a kill of a server, and a kill of their owner. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { createInterface } from 'node:readline';
import { resolve } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import pg from 'pg';
import { startServers, type Servers, type ServersOptions } from '../../src/embedded/servers.js';
import { birthOf, parentOf, type ProcessId } from '../support/process-tree.js';
import { silentLog } from '../../src/observe/log.js';
import { JARS_CACHE, makeDataDir, type TestDataDir } from '../support/data-dir.js';
import { eventually } from '../support/isolation.js';

const TOPIC = 'kept';
/** Starting both takes 3 to 15 s, by how busy the machine is. */
const TIMEOUT_MS = 120_000;

let dataDir: TestDataDir;
let running: Servers | null = null;
let written = 0;
const children: ChildProcess[] = [];

beforeAll(async () => {
  dataDir = await makeDataDir();
});

/** Left running for the next test, which stops it first: a start of Kafka costs seconds. */
async function stop(): Promise<void> {
  await running?.stop();
  running = null;
}

afterAll(async () => {
  children.forEach((child) => child.kill('SIGKILL'));
  await stop();
  await dataDir.remove();
});

async function start(changes: Partial<ServersOptions> = {}): Promise<Servers> {
  await stop();
  running = await startServers({ ...commonOptions(), log: silentLog, onProgress: () => undefined, ...changes });
  return running;
}

function commonOptions(): Omit<ServersOptions, 'log' | 'onProgress'> {
  return {
    ...{ dataDir: dataDir.path, jarsDir: JARS_CACHE, javaHome: process.env['JAVA_HOME'] ?? null },
    ...{ kafka: true, postgres: true, kafkaPort: 0, postgresPort: 0, restartOnCrash: true },
  };
}

type Addresses = Pick<Servers, 'brokers' | 'databaseUrl'>;

/** One record and one row more than before. */
async function write(servers: Addresses): Promise<void> {
  const client = await connect(servers);
  await client.query('CREATE TABLE IF NOT EXISTS kept (n int PRIMARY KEY)');
  await client.query('INSERT INTO kept VALUES ($1)', [written]);
  await client.end();
  const kafka = new Kafka({ brokers: [...servers.brokers], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({
    topics: [{ topic: TOPIC, numPartitions: 1, replicationFactor: 1 }],
    waitForLeaders: true,
  });
  await admin.disconnect();
  const producer = kafka.producer({ createPartitioner: () => () => 0 });
  await producer.connect();
  await producer.send({ topic: TOPIC, messages: [{ value: String(written) }], acks: -1 });
  await producer.disconnect();
  written += 1;
}

/** How many records and rows there are. */
async function count(servers: Addresses): Promise<{ records: number; rows: number }> {
  const client = await connect(servers);
  const { rows } = await client.query<{ n: string }>('SELECT count(*) AS n FROM kept');
  await client.end();
  const admin = new Kafka({ brokers: [...servers.brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const [offsets] = await admin.fetchTopicOffsets(TOPIC);
  await admin.disconnect();
  return { records: Number(offsets?.high), rows: Number(rows[0]?.n) };
}

async function connect({ databaseUrl }: Addresses): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: databaseUrl });
  client.on('error', () => undefined); // some tests kill the server
  await client.connect();
  return client;
}

/** Another process that owns the servers, as soon as they are ready. */
async function startParent(): Promise<{
  child: ChildProcess;
  addresses: Addresses;
  pids: Required<ReturnType<Servers['pids']>>;
}> {
  const script = ['--import', resolve('test/support/typescript.mjs'), resolve('test/support/embedded-parent.ts')];
  const child = spawn(process.execPath, [...script, JSON.stringify(commonOptions())], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  const line = await new Promise<string>((done, fail) => {
    const output = createInterface({ input: child.stdout });
    output.once('line', done);
    output.once('close', () => fail(new Error('the owner ended before its servers were ready')));
  });
  const said = JSON.parse(line) as Addresses & { pids: { kafka: number; postgres: number }; message?: string };
  expect(said.message).toBeUndefined();
  const { brokers, databaseUrl, pids } = said;
  return { child, addresses: { brokers, databaseUrl }, pids };
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = new Promise((done) => child.once('exit', done));
  child.kill('SIGKILL');
  await gone;
}

/** The very processes, not later ones of the same pids. */
function processes(pids: { kafka?: number; postgres?: number }): ProcessId[] {
  return [pids.kafka, pids.postgres].map((pid) => {
    expect(pid).toBeDefined();
    return { pid: pid!, birth: birthOf(pid!) };
  });
}

function expectGone(gone: readonly ProcessId[]): void {
  for (const { pid, birth } of gone) expect(birthOf(pid)).not.toBe(birth);
}

test(
  'what was written is there after a stop and a start, at the same addresses; the stop leaves no process',
  async () => {
    const first = await start();
    const { brokers, databaseUrl } = first;
    await write(first);
    const former = processes(first.pids());
    await first.stop();
    expectGone(former);
    expect(first.pids()).toEqual({});

    const second = await start();
    expect({ brokers: second.brokers, databaseUrl: second.databaseUrl }).toEqual({ brokers, databaseUrl });
    expect(await count(second)).toEqual({ records: written, rows: written });
  },
  TIMEOUT_MS,
);

test(
  'servers that are killed come back under other pids, at their addresses, with their data; meanwhile a second start is refused',
  async () => {
    const servers = running ?? (await start());
    await expect(
      startServers({ ...commonOptions(), log: silentLog, onProgress: () => undefined }),
    ).rejects.toMatchObject({
      code: 'server_start_failed',
      message: expect.stringMatching(new RegExp(`process ${process.pid}\\b.*INORDER_DATA_DIR`)),
    });
    await write(servers);
    // Its backend outlives the killed server for a moment, and with it the shared memory that bars the next one.
    const client = await connect(servers);
    await client.query('BEGIN');
    await client.query('SELECT * FROM kept');

    const former = servers.pids();
    process.kill(former.postgres!, 'SIGKILL');
    process.kill(former.kafka!, 'SIGKILL');
    await eventually(
      () => {
        const { kafka, postgres } = servers.pids();
        return kafka !== undefined && postgres !== undefined && kafka !== former.kafka && postgres !== former.postgres;
      },
      { timeoutMs: 60_000, what: 'both servers under other pids' },
    );
    await eventually(async () => (await count(servers)).records === written, {
      timeoutMs: 30_000,
      what: 'Kafka to answer',
    });
    expect(await count(servers)).toEqual({ records: written, rows: written });
    await client.end();
  },
  TIMEOUT_MS,
);

test(
  'a killed owner does not block the next start: its keepers end its servers, or, killed too, the next start does',
  async () => {
    await stop();
    const first = await startParent();
    await write(first.addresses);
    const firstProcesses = processes(first.pids);
    await kill(first.child);

    const second = await startParent();
    expectGone(firstProcesses);
    expect(second.addresses).toEqual(first.addresses);
    const secondProcesses = processes(second.pids);
    const keepers = Object.values(second.pids).map((pid) => parentOf(pid));
    keepers.forEach((pid) => process.kill(pid, 'SIGKILL'));
    await kill(second.child);
    // The twin: without keepers the servers do outlive their owner. (A backend of PostgreSQL may come and go.)
    for (const { pid, birth } of secondProcesses) {
      if (Object.values(second.pids).includes(pid)) expect(birthOf(pid)).toBe(birth);
    }

    const third = await start();
    expectGone(secondProcesses);
    expect(third.brokers).toEqual(first.addresses.brokers);
    expect(await count(third)).toEqual({ records: written, rows: written });
  },
  TIMEOUT_MS,
);

test(
  'a start that is aborted ends what it began and gives the data dir back',
  async () => {
    const stopping = new AbortController();
    const reason = new Error('the person changed their mind');
    const abortOnceKafkaStarts = (line: string): void => {
      if (line.startsWith('Kafka is starting')) stopping.abort(reason);
    };
    await stop();
    await expect(start({ signal: stopping.signal, onProgress: abortOnceKafkaStarts })).rejects.toBe(reason);
    const postgresAlone = await start({ kafka: false });
    expect(postgresAlone.brokers).toEqual([]);
    expect(Object.keys(postgresAlone.pids())).toEqual(['postgres']);
  },
  TIMEOUT_MS,
);

test.each(['INORDER_KAFKA_PORT', 'INORDER_PG_PORT'])(
  'a taken port is refused by the name of its setting: %s',
  async (variable) => {
    const taken = await listen();
    const { port } = taken.address() as AddressInfo;
    const changes = variable === 'INORDER_KAFKA_PORT' ? { kafkaPort: port } : { postgresPort: port };
    await expect(start(changes)).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringContaining(`${variable} is ${port}`),
    });
    await new Promise((done) => taken.close(done));
  },
);

test(
  'a server that cannot start says why, with the end of its log, and leaves nothing running',
  async () => {
    const broken = await makeDataDir();
    const changes = { dataDir: broken.path, kafka: false };
    await (await start(changes)).stop();
    await writeFile(resolve(broken.path, 'postgres/data/PG_VERSION'), '9\n');
    await expect(start(changes)).rejects.toMatchObject({
      code: 'server_start_failed',
      message: expect.stringMatching(/PostgreSQL did not start: it ended with code 1[\s\S]*version 9/),
    });
    await broken.remove();
  },
  TIMEOUT_MS,
);

function listen(): Promise<Server> {
  return new Promise((done) => {
    const server = createServer();
    server.listen({ port: 0, host: '127.0.0.1' }, () => done(server));
  });
}
