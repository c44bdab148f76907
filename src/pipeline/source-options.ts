import type { Config } from '../config/settings.js';
import type { GroupSourceOptions } from '../kafka/group-contract.js';

const MIB = 1024 * 1024;

/** How the stages read their topics: small waits, and fetches that a lane's queue can take. */
export function sourceOptions(config: Config): Omit<GroupSourceOptions, 'groupId' | 'topics' | 'startPaused'> {
  const { sessionTimeoutMs, heartbeatIntervalMs, rebalanceTimeoutMs } = config;
  return {
    fromBeginning: true,
    sessionTimeoutMs,
    heartbeatIntervalMs,
    rebalanceTimeoutMs,
    maxWaitMs: 20,
    maxBytesPerPartition: MIB,
    maxBytes: 8 * MIB,
  };
}
