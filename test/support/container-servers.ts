/** Kafka and PostgreSQL of a test run as containers, by testcontainers: the images that docker-compose.yml names. */
import { GenericContainer, Wait, type StartedTestContainer } from 'testcontainers';
import { choosePort } from '../../src/embedded/ports.js';
import type { RunningTestServers } from './test-servers.js';

const KAFKA_IMAGE = 'apache/kafka:4.3.1';
const POSTGRES_IMAGE = 'postgres:18';
const NAME = 'inorder';
const START_TIMEOUT_MS = 120_000;
const KAFKA_PORT = 9_092;
const POSTGRES_PORT = 5_432;

export async function startContainerServers(): Promise<RunningTestServers> {
  // Fixed on the host, because Kafka must know the address it tells its clients before it starts.
  const port = await choosePort({ asked: 0, variable: '', remembered: undefined, usual: null });
  const outcomes = await Promise.allSettled([startKafka(port), startPostgres()]);
  const started = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const stop = async (): Promise<void> => {
    await Promise.all(started.map((container) => container.stop()));
  };
  const [kafka, postgres] = started;
  if (kafka === undefined || postgres === undefined) {
    await stop();
    throw outcomes.find((outcome) => outcome.status === 'rejected')?.reason;
  }
  const address = `${postgres.getHost()}:${postgres.getMappedPort(POSTGRES_PORT)}`;
  return {
    brokers: [`${kafka.getHost()}:${port}`],
    databaseUrl: `postgres://${NAME}:${NAME}@${address}/${NAME}`,
    stop,
  };
}

/** With any setting of ours the image drops all of its own: hence the whole environment. */
function startKafka(port: number): Promise<StartedTestContainer> {
  return new GenericContainer(KAFKA_IMAGE)
    .withExposedPorts({ container: KAFKA_PORT, host: port })
    .withEnvironment({
      CLUSTER_ID: '5L6g3nShT-eMCtK--X86sw',
      KAFKA_NODE_ID: '1',
      KAFKA_PROCESS_ROLES: 'broker,controller',
      // The broker asks itself, too, whether a transaction is open, and can't reach the host's port from inside: without
      // a listener of its own every transactional write ends as NOT_ENOUGH_REPLICAS.
      KAFKA_LISTENERS: `INSIDE://:19092,OUTSIDE://:${KAFKA_PORT},CONTROLLER://:9093`,
      KAFKA_ADVERTISED_LISTENERS: `INSIDE://localhost:19092,OUTSIDE://127.0.0.1:${port}`,
      KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT',
      KAFKA_INTER_BROKER_LISTENER_NAME: 'INSIDE',
      KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
      KAFKA_CONTROLLER_QUORUM_VOTERS: '1@localhost:9093',
      KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
      KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: '1',
      KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: '1',
      KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR: '1',
      KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR: '1',
      KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
      KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS: '1000',
      KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false',
      KAFKA_MESSAGE_MAX_BYTES: '2097152',
      KAFKA_REPLICA_FETCH_MAX_BYTES: '2097152',
      KAFKA_OFFSETS_RETENTION_MINUTES: '2147483647',
    })
    .withWaitStrategy(Wait.forLogMessage('Kafka Server started'))
    .withStartupTimeout(START_TIMEOUT_MS)
    .start();
}

function startPostgres(): Promise<StartedTestContainer> {
  return (
    new GenericContainer(POSTGRES_IMAGE)
      .withExposedPorts(POSTGRES_PORT)
      .withEnvironment({ POSTGRES_USER: NAME, POSTGRES_PASSWORD: NAME, POSTGRES_DB: NAME })
      // Said twice: the first time by the server that only runs the image's own scripts.
      .withWaitStrategy(Wait.forLogMessage('database system is ready to accept connections', 2))
      .withStartupTimeout(START_TIMEOUT_MS)
      .start()
  );
}
