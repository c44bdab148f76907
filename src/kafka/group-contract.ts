import type { InorderError } from '../errors.js';
import type { KafkaRecord } from '../record.js';
import type { Assignment } from './positions.js';
import type { UndecodableBatch } from './read-records.js';

/** What a GroupSource is told, and what it tells. */
export interface GroupSourceOptions {
  readonly groupId: string;
  readonly topics: readonly string[];
  /** Where a partition without a committed offset begins: at its first record, or after its last. */
  readonly fromBeginning: boolean;
  /** The group takes a silent member's partitions away after this. */
  readonly sessionTimeoutMs: number;
  /** Also how late a member notices that another one left or joined. */
  readonly heartbeatIntervalMs: number;
  /** How long the group waits for its members to come to a rebalance. */
  readonly rebalanceTimeoutMs: number;
  /** How long the broker holds a fetch for which it has nothing; a stop and a resume may wait for it. */
  readonly maxWaitMs: number;
  readonly maxBytesPerPartition: number;
  readonly maxBytes: number;
  /** Default false: only what is committed. */
  readonly readUncommitted?: boolean;
  /** Every assignment begins with all partitions paused, until `resume`. */
  readonly startPaused: boolean;
  /** What to do with a batch whose records cannot be had. 'halt' (default) is fatal; 'hand_out' passes it on. */
  readonly onUndecodable?: 'halt' | 'hand_out';
  /** Limits of one record batch after decompression; default 128 MiB and 500,000 records. */
  readonly maxBatchBytes?: number;
  readonly maxBatchRecords?: number;
}

/** What one fetch brought for one partition: offsets ascend, and continue where the last batch ended or a seek led. */
export interface GroupBatch {
  readonly topic: string;
  readonly partition: number;
  readonly records: KafkaRecord[];
  /** Bytes of the records, after decompression. Their buffers are views into memory that all of them share. */
  readonly byteLength: number;
  readonly highWatermark: number;
  /** Where the next batch begins; above the last record's offset + 1 where markers or aborted records follow it. */
  readonly nextOffset: number;
  /** Batches among the records that could not be read; empty unless `onUndecodable` is 'hand_out'. */
  readonly undecodable: readonly UndecodableBatch[];
}

export interface GroupSourceHandlers {
  /** Every partition now owned, by topic; replaces the assignment before. May pause, resume and seek at once. */
  onAssigned(assignment: Assignment): void;
  /** Must return at once: nothing is fetched meanwhile. To be spared, `pause`. */
  onBatch(batch: GroupBatch): void;
  /**
   * Nothing but markers and aborted records lay before `nextOffset`; for who waits for an end that is one of those.
   * As quick as `onBatch`.
   */
  onPassed?(passed: { topic: string; partition: number; nextOffset: number }): void;
  /** The source has ended for good: exit, and let a supervisor restart. Called once, never after `stop`. */
  onFatal(error: InorderError): void;
}

export interface CommitPosition {
  readonly topic: string;
  readonly partition: number;
  readonly nextOffset: number;
  readonly metadata?: string;
}
