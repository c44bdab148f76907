import { InorderError } from '../../errors.js';
import type { GroupSourceOptions } from '../../kafka/group-source.js';
import type { PartitionLimits } from './assigned-partition.js';
import type { RepairPolicy } from './history.js';
import type { RetryPolicy } from './run-handler.js';

/** How a handler that fails is called again. */
export interface RetryOptions {
  /** Calls for one message, the first included; 5 unless given. */
  readonly attempts?: number;
  /** Doubles with each failure; 200 unless given. */
  readonly initialBackoffMs?: number;
  /** 30,000 unless given. */
  readonly maxBackoffMs?: number;
  /** 0 to 1: the share of each wait that chance may take away; 0.5 unless given. */
  readonly jitter?: number;
}

/** What a consumer's options come to. */
export interface DeliverySettings {
  readonly concurrency: number;
  readonly retry: RetryPolicy;
  readonly repair: RepairPolicy;
  readonly limits: PartitionLimits;
  readonly commitIntervalMs: number;
  readonly source: Omit<GroupSourceOptions, 'groupId' | 'topics'>;
}

const MIB = 1024 * 1024;
const MAX_ATTEMPTS = 1_000_000;
const MAX_WAIT_MS = 86_400_000;

/** @throws InorderError config_invalid naming the option, what it holds and what it may hold */
export function settle(options: {
  readonly concurrency?: number;
  readonly retry?: RetryOptions;
  readonly sessionTimeoutMs?: number;
  readonly heartbeatIntervalMs?: number;
}): DeliverySettings {
  const { concurrency = 16, retry = {} } = options;
  const { sessionTimeoutMs = 6_000, heartbeatIntervalMs = 500 } = options;
  const { attempts = 5, initialBackoffMs = 200, maxBackoffMs = 30_000, jitter = 0.5 } = retry;
  wholeNumber('concurrency', concurrency, 1, 10_000);
  wholeNumber('retry.attempts', attempts, 1, MAX_ATTEMPTS);
  wholeNumber('retry.initialBackoffMs', initialBackoffMs, 0, MAX_WAIT_MS);
  wholeNumber('retry.maxBackoffMs', maxBackoffMs, initialBackoffMs, MAX_WAIT_MS);
  if (!(jitter >= 0 && jitter <= 1)) throw invalid('retry.jitter', jitter, 'from 0 to 1');
  wholeNumber('sessionTimeoutMs', sessionTimeoutMs, 1_000, 300_000);
  wholeNumber('heartbeatIntervalMs', heartbeatIntervalMs, 50, Math.floor(sessionTimeoutMs / 3));
  return {
    concurrency,
    retry: { attempts, initialMs: initialBackoffMs, maxMs: maxBackoffMs, jitter },
    repair: { initialMs: 50, maxMs: 2_000, jitter: 0.2, timeoutMs: 30_000, pageSize: 200 },
    limits: {
      maxHeldRecords: 1_000,
      maxHeldBytes: 8 * MIB,
      maxUncommitted: 100_000,
      maxConversations: 50_000,
    },
    commitIntervalMs: 250,
    source: {
      fromBeginning: true, // where the end is wanted, it is sought: start-position.ts
      startPaused: false,
      onUndecodable: 'hand_out',
      sessionTimeoutMs,
      heartbeatIntervalMs,
      rebalanceTimeoutMs: Math.max(2 * sessionTimeoutMs, 10_000),
      maxWaitMs: 20,
      maxBytesPerPartition: MIB,
      maxBytes: 8 * MIB,
    },
  };
}

function wholeNumber(name: string, value: number, from: number, to: number): void {
  if (!Number.isInteger(value) || value < from || value > to)
    throw invalid(name, value, `a whole number from ${from} to ${to}`);
}

function invalid(name: string, value: unknown, expected: string): InorderError {
  return new InorderError('config_invalid', `${name} is ${String(value)}; it may be ${expected}`);
}
