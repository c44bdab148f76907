import { hostname } from 'node:os';
import { GroupSource } from '../kafka/group-source.js';
import { groupNames } from '../stages/group-names.js';
import { sourceOptions } from './source-options.js';
import type { StageServers } from './stage-servers.js';
import { logicMetrics } from '../stages/logic/metrics.js';
import { msgIdParts } from '../ordering/msg-id.js';
import { LOGIC_LIMITS, LogicStage } from '../stages/logic/logic-stage.js';
import { serverEdges } from '../stages/logic/server-edges.js';

/** The logic stage on the real servers. Opens nothing yet; `start` does. */
export function openLogic(servers: StageServers): LogicStage {
  const { config, kafka, admin, database, partitions, clock, watch, log, metrics, onFatal } = servers;
  const counted = logicMetrics(metrics);
  const { topics, sessionTimeoutMs, transactionTimeoutMs } = config;
  const groupId = groupNames(config.topicPrefix).logic;
  const laneServers = {
    kafka,
    admin,
    database,
    topics,
    groupId,
    transactionTimeoutMs,
    dlqPartitions: partitions.dlq,
    owner: `${hostname()} ${process.pid}`,
  };
  return new LogicStage({
    topic: topics.logic,
    openSource: (handlers) =>
      new GroupSource(
        kafka,
        {
          groupId,
          topics: [topics.logic],
          startPaused: true,
          ...sourceOptions(config),
        },
        handlers,
        log,
      ),
    edgesOf: (source, partition) => serverEdges(laneServers, source, partition),
    sessionTimeoutMs,
    limits: {
      ...LOGIC_LIMITS,
      batchMaxRecords: config.batchMaxRecords,
      ordering: { ...LOGIC_LIMITS.ordering, reorder: config.reorder },
    },
    clock: { ...clock, nowMs: () => watch.monitor.stampMs() },
    mayStamp: () => watch.monitor.mayStamp(),
    log,
    metrics: {
      ...counted,
      stored: (recordCount, plan, conflictCount, tookMs) => {
        counted.stored(recordCount, plan, conflictCount, tookMs);
        watch.stampedUpTo(msgIdParts(plan.lastMsgId).ms);
      },
    },
    onFatal,
  });
}
