import { createRequire } from 'node:module';
import net from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import kafkajs from 'kafkajs';
import {
  openKafkajs,
  type KafkajsBroker,
  type KafkajsClient,
  type KafkajsProtocol,
} from '../../src/kafka/kafkajs-seams.js';
import { EAGER_RETRY, PATIENT_RETRY } from '../../src/kafka/options.js';

/** What the seams stand on, named as kafkajs names it. If one of these fails, kafkajs is not 2.2.4 any more. */
interface Inside {
  connectionPoolBuilder: { build(to?: object): Promise<Pool> };
  brokerPool: { createBroker(options: object): KafkajsBroker };
}
interface Pool {
  host: string;
  send(protocol: unknown): Promise<unknown>;
  destroy(): Promise<void>;
  getConnection(): Promise<unknown>;
  pool: { requestQueue: { pending: unknown[]; throttleCheckTimeoutId: unknown; checkPendingRequests(): void } }[];
}

const silent = {
  namespace: () => silent,
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
const open = (equipment: Parameters<typeof openKafkajs>[1] = {}, port = 1): KafkajsClient =>
  openKafkajs({ brokers: [`127.0.0.1:${port}`], logLevel: kafkajs.logLevel.NOTHING, retry: { retries: 0 } }, equipment);

const servers: net.Server[] = [];
async function listening(): Promise<{ port: number; sockets: net.Socket[] }> {
  const sockets: net.Socket[] = [];
  const server = net.createServer((socket) => sockets.push(socket.on('error', () => undefined)));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as net.AddressInfo).port, sockets };
}
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

async function brokerOf(client: KafkajsClient): Promise<{ broker: KafkajsBroker; pool: Pool }> {
  const inside = client.openCluster() as unknown as Inside;
  const pool = await inside.connectionPoolBuilder.build();
  return { pool, broker: inside.brokerPool.createBroker({ connectionPool: pool, logger: silent, nodeId: 1 }) };
}

describe('the seams in kafkajs', () => {
  test('are all there in the installed version', async () => {
    const client = open();
    const cluster = client.openCluster();
    const { broker, pool } = await brokerOf(client);
    for (const method of [
      'connect',
      'refreshMetadata',
      'findTopicPartitionMetadata',
      'findGroupCoordinator',
    ] as const) {
      expect(cluster[method]).toBeInstanceOf(Function);
    }
    const methods = [
      'connect',
      'fetch',
      'joinGroup',
      'leaveGroup',
      'offsetCommit',
      'offsetFetch',
      'addPartitionsToTxn',
      'addOffsetsToTxn',
      'lookupRequest',
      'isConnected',
    ] as const;
    for (const method of methods) expect(broker[method]).toBeInstanceOf(Function);
    expect(pool.send).toBeInstanceOf(Function);
    expect(pool.pool[0]!.requestQueue.pending).toEqual([]);
    expect(kafkajs.AssignerProtocol.MemberMetadata.encode).toBeInstanceOf(Function);
  });

  test('leave no retry setting to kafkajs, whose defaults NODE_ENV=test changes', () => {
    const defaults = createRequire(import.meta.url)('kafkajs/src/retry/defaults') as object;
    for (const retry of [PATIENT_RETRY, EAGER_RETRY]) {
      expect(Object.keys(retry).sort()).toEqual(Object.keys(defaults).sort());
    }
  });

  test('let a request be encoded and decoded by us, whenever kafkajs looks it up anew', async () => {
    const seen: number[] = [];
    const replaced = (() => undefined) as unknown as KafkajsProtocol;
    const { broker } = await brokerOf(open({ protocol: (apiKey) => (seen.push(apiKey), replaced) }));
    for (let connects = 0; connects < 2; connects += 1) {
      broker.lookupRequest = () => (() => 'kafkajs') as unknown as KafkajsProtocol;
      expect(broker.lookupRequest(1, {})).toBe(replaced);
    }
    expect(seen).toEqual([1, 1]);
  });

  test('change one client only: another one in the process is as kafkajs made it', async () => {
    open({ protocol: () => (() => undefined) as unknown as KafkajsProtocol });
    const other = new kafkajs.Kafka({ brokers: ['127.0.0.1:1'] }) as unknown as Record<
      symbol,
      (options: object) => Inside
    >;
    const symbol = Object.getOwnPropertySymbols(other).find(({ description }) =>
      description?.endsWith('createCluster'),
    )!;
    const cluster = other[symbol]!({});
    const pool = await cluster.connectionPoolBuilder.build();
    const broker = cluster.brokerPool.createBroker({ connectionPool: pool, logger: silent });
    expect(Object.getOwnPropertyDescriptor(broker, 'lookupRequest')?.set).toBeUndefined();
  });

  test('an idle connection has no timer (kafkajs re-arms one of 1 ms for ever)', async () => {
    const { port } = await listening();
    const client = open({}, port);
    const { pool } = await brokerOf(client);
    await pool.getConnection();
    const { requestQueue } = pool.pool[0]!;
    requestQueue.checkPendingRequests();
    expect(requestQueue.throttleCheckTimeoutId).toBeNull();
    client.kill();
    await pool.destroy();
  });

  test('a killed client cuts its sockets, and nothing of it connects again', async () => {
    const { port, sockets } = await listening();
    const client = open({}, port);
    const { broker, pool } = await brokerOf(client);
    await pool.getConnection();
    const cut = new Promise((resolve) => sockets[0]!.on('close', resolve));
    client.kill();
    await cut;
    await expect(broker.connect()).rejects.toMatchObject({ retriable: false, message: 'the client was closed' });
    await pool.destroy();
  });
});
