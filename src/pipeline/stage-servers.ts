import type { Clock } from '../clock/clock.js';
import type { Config } from '../config/settings.js';
import type { InorderError } from '../errors.js';
import type { KafkaAdmin } from '../kafka/admin.js';
import type { KafkaConnection } from '../kafka/connection.js';
import type { Log } from '../observe/log.js';
import type { Metrics } from '../observe/metrics.js';
import type { Database } from '../postgres/database.js';
import type { ClockWatch } from './watch-clock.js';

/** What a stage is opened with: the process's connections, shared by its stages. */
export interface StageServers {
  readonly config: Config;
  readonly kafka: KafkaConnection;
  readonly admin: KafkaAdmin;
  readonly database: Database;
  /** Partition counts of `im.logic` (and `im.delivery`) and of `im.dlq`. */
  readonly partitions: { readonly logic: number; readonly dlq: number };
  readonly clock: Clock;
  readonly watch: ClockWatch;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Called once when a stage can't go on; the process must end. */
  readonly onFatal: (error: InorderError) => void;
}
