import type { KafkaConfig, SASLOptions } from 'kafkajs';
import kafkajs from 'kafkajs';
import type { ClockSample } from '../clock/reference.js';
import type { Log } from '../observe/log.js';
import { kafkajsLog } from './kafkajs-log.js';
import { type Equipment, type KafkajsClient, openKafkajs } from './kafkajs-seams.js';
import { type KafkaOptions, LIMITS, PATIENT_RETRY } from './options.js';

/**
 * Where Kafka is and how to log in: every source, producer and admin is opened from one of these and brings its own
 * client, so that ending one cuts its own sockets and no other's. Holds no socket itself: nothing to close.
 */
export interface KafkaConnection {
  readonly options: KafkaOptions;
  readonly log: Log;
  /** Told the broker's clock, whenever one says at what time it appended what was sent. */
  readonly onBrokerTime: (sample: ClockSample) => void;
  /** For this room only. */
  openClient(equipment: Equipment): KafkajsClient;
}

/** Configures; connects nothing. */
export function openKafka(
  options: KafkaOptions,
  log: Log,
  onBrokerTime: KafkaConnection['onBrokerTime'] = () => undefined,
): KafkaConnection {
  const config: KafkaConfig = {
    brokers: [...options.brokers],
    clientId: options.clientId,
    ssl: options.ssl,
    ...(options.sasl === null ? {} : { sasl: options.sasl as SASLOptions }),
    connectionTimeout: LIMITS.connectMs,
    authenticationTimeout: LIMITS.authenticateMs,
    requestTimeout: LIMITS.requestMs,
    enforceRequestTimeout: true,
    retry: PATIENT_RETRY,
    logLevel: kafkajs.logLevel.INFO,
    logCreator: kafkajsLog(log),
  };
  return { options, log, onBrokerTime, openClient: (equipment) => openKafkajs(config, equipment) };
}
