/** The files that configure the embedded Kafka: one node that is broker and controller (KRaft). */
import { LOOPBACK } from './ports.js';

export interface KafkaPorts {
  readonly kafka: number;
  readonly controller: number;
}

const MAX_MESSAGE_BYTES = 2 * 1024 * 1024;
const MAX_INT = 2_147_483_647;

/** @param dataPath where the broker's log segments are. */
export function serverProperties(ports: KafkaPorts, dataPath: string): string {
  const settings: Record<string, string | number> = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    // Static, not a formatted-in voter set: the controller may come back on another port.
    'controller.quorum.voters': `1@${LOOPBACK}:${ports.controller}`,
    'controller.listener.names': 'CONTROLLER',
    listeners: `PLAINTEXT://${LOOPBACK}:${ports.kafka},CONTROLLER://${LOOPBACK}:${ports.controller}`,
    'advertised.listeners': `PLAINTEXT://${LOOPBACK}:${ports.kafka}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': dataPath,

    // After a kill -9 the controller takes the broker's former life for alive until its session ends, and refuses the
    // new one: with the default of 9 s a restart takes 12. Much shorter, and a stalled machine would fence its broker.
    'broker.session.timeout.ms': 3_000,
    'broker.heartbeat.interval.ms': 500,

    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 8,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 8,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'share.coordinator.state.topic.num.partitions': 1,

    'auto.create.topics.enable': 'false',
    'message.max.bytes': MAX_MESSAGE_BYTES,
    'replica.fetch.max.bytes': MAX_MESSAGE_BYTES,

    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1_000,
    // The lanes' watermarks are the metadata of committed offsets. Were the offsets of a group that stood still for a
    // week to expire, a takeover would not know what it had delivered.
    'offsets.retention.minutes': MAX_INT,
    // Likewise: an expired transactional id fences nobody.
    'transactional.id.expiration.ms': MAX_INT,
    'transaction.max.timeout.ms': 900_000,

    'log.retention.hours': 168,
    'log.cleaner.dedupe.buffer.size': 16 * 1024 * 1024,
  };
  return `${Object.entries(settings)
    .map(([name, value]) => `${name}=${escaped(String(value))}`)
    .join('\n')}\n`;
}

/** To standard output, which is the log file; until the very end, which is why there is no hook that ends it sooner. The lists of all settings at start would drown what matters. */
export const LOG4J2_PROPERTIES = `status=warn
shutdownHook=disable
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{yyyy-MM-dd'T'HH:mm:ss.SSSXXX}{UTC} %p %c{1} %m%n
rootLogger.level=info
rootLogger.appenderRef.out.ref=out
logger.config.name=org.apache.kafka.common.config.AbstractConfig
logger.config.level=warn
`;

/** Java reads properties as Latin-1, and takes a backslash for the begin of an escape. */
function escaped(value: string): string {
  const code = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return value.replaceAll('\\', '\\\\').replace(/[^ -~]/g, code);
}
