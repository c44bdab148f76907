import net from 'node:net';
import tls from 'node:tls';
import kafkajs from 'kafkajs';
import type { Kafka, KafkaConfig } from 'kafkajs';
import { InorderError } from '../errors.js';

/**
 * The only file that reaches behind kafkajs' public interface (2.2.4, its last release). It does so on the objects of
 * one client, never on kafkajs' modules: a user's own kafkajs clients in the same process stay as they are, and a test
 * runner's module registry changes nothing. What is done at these seams, and why, is in the files that pass an
 * `Equipment`; docs/adr/0002 lists every reason.
 *
 * The seams: the cluster factory of a client (a symbol), `createBroker` and `build` of a cluster's pools, and of a
 * broker `lookupRequest`, through which it gets the encoder and decoder of each request. `test/unit/kafka.seams` fails
 * if one of them is gone.
 */
export interface KafkajsCluster {
  /** Read by the transaction code, never set by kafkajs itself: 300 ms waits unless we set it. */
  retry?: unknown;
  readonly brokerPool: { createBroker(options: unknown): KafkajsBroker };
  readonly connectionPoolBuilder: { build(destination?: unknown): Promise<KafkajsConnectionPool> };
  connect(): Promise<void>;
  refreshMetadata(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  /** Node id to the partitions that it leads. */
  findLeaderForPartitions(topic: string, partitions: readonly number[]): Record<string, number[]>;
  findBroker(of: { nodeId: string }): Promise<KafkajsBroker>;
  findTopicPartitionMetadata(topic: string): readonly { partitionId: number }[];
  findGroupCoordinator(of: { groupId: string; coordinatorType?: number }): Promise<KafkajsBroker>;
}

export interface KafkajsBroker {
  lookupRequest: (apiKey: number, definition: unknown) => KafkajsProtocol;
  isConnected(): boolean;
  connect(): Promise<void>;
  fetch(request: KafkajsFetch): Promise<unknown>;
  joinGroup(request: object): Promise<{ memberId: string; generationId: number }>;
  leaveGroup(request: { groupId: string; memberId: string }): Promise<unknown>;
  offsetCommit(request: object): Promise<unknown>;
  offsetFetch(request: object): Promise<unknown>;
  addPartitionsToTxn(request: object): Promise<unknown>;
  addOffsetsToTxn(request: object): Promise<unknown>;
}

export interface KafkajsConnectionPool {
  readonly pool: readonly { readonly requestQueue: KafkajsRequestQueue }[];
  send(protocol: unknown): Promise<unknown>;
}

interface KafkajsRequestQueue {
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests(): void;
}

/** What kafkajs asks of a partition; `fetchOffset` is a decimal string. */
export interface KafkajsFetch {
  readonly maxWaitTime: number;
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions: readonly {
      readonly partition: number;
      readonly fetchOffset: string;
      readonly maxBytes: number;
    }[];
  }[];
}

/** A request and how its answer is read, made from the request's arguments. */
export type KafkajsProtocol = (args: KafkajsArguments) => {
  request: { apiVersion: number; encode(): Promise<unknown> };
  response: { decode(payload: Buffer): Promise<unknown>; parse(data: unknown): Promise<unknown> };
};
export type KafkajsArguments = Record<string, unknown>;

export const API = { produce: 0, fetch: 1 } as const;

/** What a part of this room changes on the objects of its own client. */
export interface Equipment {
  cluster?(cluster: KafkajsCluster): void;
  broker?(broker: KafkajsBroker, cluster: KafkajsCluster): void;
  /** Replaces encoder or decoder of a request. */
  protocol?(apiKey: number, protocol: KafkajsProtocol): KafkajsProtocol;
  /** A request failed, on the wire or in the broker's answer. */
  requestFailed?(error: unknown): void;
}

/** A kafkajs client whose sockets we own. */
export interface KafkajsClient {
  readonly kafka: Kafka;
  /** A cluster of its own, for the requests that kafkajs keeps private. */
  openCluster(): KafkajsCluster;
  /**
   * Ends the client now: sockets are cut, nothing connects again, whatever waits fails. kafkajs itself waits for
   * pending requests, and a `stop` in the middle of a join leaves a member that nobody can stop any more.
   */
  kill(): void;
}

/** Says every error that a killed client makes. */
export const CLIENT_CLOSED = 'the client was closed';

const CREATE_CLUSTER = 'private:Kafka:createCluster';
type CreateCluster = (options: { allowAutoTopicCreation: boolean; metadataMaxAge: number }) => KafkajsCluster;

/** @throws InorderError invariant_broken when the installed kafkajs is not the one this file knows */
export function openKafkajs(config: KafkaConfig, equipment: Equipment): KafkajsClient {
  const life: ClientLife = { killed: false, sockets: new Set() };
  const kafka = new kafkajs.Kafka({ ...config, socketFactory: ownedSockets(life) });
  const symbol = Object.getOwnPropertySymbols(kafka).find(({ description }) => description === CREATE_CLUSTER);
  const factories = kafka as unknown as Record<symbol, CreateCluster | undefined>;
  const create = symbol === undefined ? undefined : factories[symbol];
  if (symbol === undefined || create === undefined) {
    throw new InorderError('invariant_broken', 'this kafkajs is not 2.2.4: its cluster factory was not found');
  }
  const createCluster: CreateCluster = (options) => equipCluster(create(options), equipment, life);
  factories[symbol] = createCluster;
  return {
    kafka,
    openCluster: () => createCluster({ allowAutoTopicCreation: false, metadataMaxAge: 300_000 }),
    kill: () => {
      life.killed = true;
      for (const socket of life.sockets) socket.destroy(new Error(CLIENT_CLOSED));
    },
  };
}

interface ClientLife {
  killed: boolean;
  readonly sockets: Set<net.Socket>;
}

type SocketFactory = NonNullable<KafkaConfig['socketFactory']>;

/** kafkajs' own socket factory (keep-alive and all), remembering what it made. */
function ownedSockets(life: ClientLife): SocketFactory {
  return ({ host, port, ssl, onConnect }) => {
    const secure = ssl as tls.ConnectionOptions | boolean | null | undefined; // kafkajs' type knows objects only
    const server = net.isIP(host) === 0 ? { host, port, servername: host } : { host, port };
    const socket =
      secure === undefined || secure === null || secure === false
        ? net.connect({ host, port }, onConnect)
        : tls.connect({ ...server, ...(secure === true ? {} : secure) }, onConnect);
    socket.setKeepAlive(true, 60_000);
    socket.setNoDelay(true); // each request is one write: waiting for more only adds latency
    life.sockets.add(socket);
    socket.once('close', () => life.sockets.delete(socket));
    return socket;
  };
}

function equipCluster(cluster: KafkajsCluster, equipment: Equipment, life: ClientLife): KafkajsCluster {
  const { brokerPool, connectionPoolBuilder } = cluster;
  const createBroker = brokerPool.createBroker.bind(brokerPool);
  brokerPool.createBroker = (options) => {
    const broker = createBroker(options);
    equipBroker(broker, equipment, life);
    equipment.broker?.(broker, cluster);
    return broker;
  };
  const build = connectionPoolBuilder.build.bind(connectionPoolBuilder);
  connectionPoolBuilder.build = async (destination) => equipPool(await build(destination), equipment);
  equipment.cluster?.(cluster);
  return cluster;
}

function equipBroker(broker: KafkajsBroker, equipment: Equipment, life: ClientLife): void {
  const connect = broker.connect.bind(broker);
  broker.connect = async () => {
    // `retriable: false` ends every retry loop of kafkajs that is still running.
    if (life.killed) throw Object.assign(new Error(CLIENT_CLOSED), { retriable: false });
    await connect();
  };
  const replace = equipment.protocol?.bind(equipment);
  if (replace === undefined) return;
  let lookup = broker.lookupRequest;
  Object.defineProperty(broker, 'lookupRequest', {
    get: () => lookup,
    // kafkajs sets it at each connect, when it knows the broker's versions.
    set: (next: KafkajsBroker['lookupRequest']) => {
      lookup = (apiKey, definition) => replace(apiKey, next(apiKey, definition));
    },
  });
}

function equipPool(pool: KafkajsConnectionPool, equipment: Equipment): KafkajsConnectionPool {
  for (const { requestQueue } of pool.pool) {
    // Left alone, this re-arms a timer of 1 ms for ever on every connection, idle or not (and of a negative time,
    // which newer Node versions warn about).
    const schedule = requestQueue.scheduleCheckPendingRequests.bind(requestQueue);
    requestQueue.scheduleCheckPendingRequests = () => {
      if (requestQueue.pending.length > 0) schedule();
    };
  }
  const send = pool.send.bind(pool);
  pool.send = async (protocol) => {
    try {
      return await send(protocol);
    } catch (error) {
      equipment.requestFailed?.(error);
      throw error;
    }
  };
  return pool;
}
