import { topicSpecs } from '../config/topics.js';
import { GroupSource } from '../kafka/group-source.js';
import { PlainProducer } from '../kafka/plain-producer.js';
import { groupNames } from '../stages/group-names.js';
import { INGEST_LIMITS, IngestStage } from '../stages/ingest/ingest-stage.js';
import { ingestMetrics } from '../stages/ingest/metrics.js';
import { RecordRouter } from '../stages/ingest/route-record.js';
import { sourceOptions } from './source-options.js';
import type { StageServers } from './stage-servers.js';

/** The ingest stage on the real servers. Opens nothing yet; `start` does. */
export function openIngest(servers: StageServers): IngestStage {
  const { config, kafka, partitions, clock, log, metrics, onFatal } = servers;
  const { topics, maxValueBytes } = config;
  const maxBytesOf = (topic: string): number => {
    const spec = topicSpecs({ topics, partitions: partitions.logic, maxValueBytes }).find(({ name }) => name === topic);
    return Number(spec?.config['max.message.bytes']);
  };
  return new IngestStage({
    topic: topics.ingest,
    openSource: (handlers) =>
      new GroupSource(
        kafka,
        {
          groupId: groupNames(config.topicPrefix).ingest,
          topics: [topics.ingest],
          startPaused: false,
          onUndecodable: 'hand_out',
          ...sourceOptions(config),
        },
        handlers,
        log,
      ),
    producer: new PlainProducer(kafka, log),
    router: new RecordRouter({
      logicTopic: topics.logic,
      logicPartitions: partitions.logic,
      dlqTopic: topics.dlq,
      dlqPartitions: partitions.dlq,
      maxValueBytes,
      maxLogicRecordBytes: maxBytesOf(topics.logic),
      maxDeadLetterBytes: maxBytesOf(topics.dlq),
      clock,
      log,
    }),
    limits: INGEST_LIMITS,
    clock,
    log,
    metrics: ingestMetrics(metrics),
    onFatal,
  });
}
