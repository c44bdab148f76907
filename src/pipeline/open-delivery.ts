import { groupNames } from '../stages/group-names.js';
import type { DeliveryConsumer } from '../stages/delivery/delivery-consumer.js';
import { postgresHistory } from '../stages/delivery/postgres-history.js';
import { sampleDelivery } from '../stages/delivery/sample.js';
import type { StageServers } from './stage-servers.js';

/** The sample delivery stage on the real servers: a line a message on `output`. Opens nothing yet; `start` does. */
export function openDelivery(servers: StageServers, output: NodeJS.WritableStream): DeliveryConsumer {
  const { config, database, log, metrics, onFatal } = servers;
  return sampleDelivery({
    kafka: config.kafka,
    topicPrefix: config.topicPrefix,
    groupId: groupNames(config.topicPrefix).delivery,
    history: postgresHistory(database),
    sessionTimeoutMs: config.sessionTimeoutMs,
    heartbeatIntervalMs: config.heartbeatIntervalMs,
    output,
    log,
    metrics,
    onFatal,
  });
}
