/**
 * The one error base of the project. An expected outcome is a result union, not an error; what is thrown is a
 * user's mistake (`exitCode` 2), a server that cannot be reached, or a bug.
 */
const CODES = {
  /** A setting or an argument holds something it may not hold. */
  config_invalid: { retryable: false, exitCode: 2 },
  usage: { retryable: false, exitCode: 2 },
  /** No running stack was found where one is needed. */
  stack_not_found: { retryable: false, exitCode: 2 },
  /** A program that the embedded servers need (java, mvn) is missing or too old. */
  tool_missing: { retryable: false, exitCode: 2 },
  server_start_failed: { retryable: false, exitCode: 1 },
  kafka_unavailable: { retryable: true, exitCode: 1 },
  kafka_failed: { retryable: false, exitCode: 1 },
  postgres_unavailable: { retryable: true, exitCode: 1 },
  postgres_failed: { retryable: false, exitCode: 1 },
  /** The applied migrations are not those of this version. */
  migration_mismatch: { retryable: false, exitCode: 1 },
  /** A topic is missing, or its partition count is not the pinned one. */
  topic_mismatch: { retryable: false, exitCode: 1 },
  /** A lane cannot go on without risking loss or doubles; a person must look. */
  lane_halted: { retryable: false, exitCode: 1 },
  /** The consumer ended for good; the process must exit and be restarted. */
  consumer_crashed: { retryable: false, exitCode: 1 },
  /** A sequence file that another process, or another store of this one, has open. */
  sequence_store_busy: { retryable: true, exitCode: 1 },
  /** A sender number could not be made safe on disk, so none was handed out. */
  sequence_store_failed: { retryable: true, exitCode: 1 },
  /** A test asked for this failure (failpoint.ts). */
  failpoint: { retryable: true, exitCode: 1 },
  /** Something that cannot be: a bug of ours. */
  invariant_broken: { retryable: false, exitCode: 70 },
} as const satisfies Record<string, { retryable: boolean; exitCode: number }>;

export type ErrorCode = keyof typeof CODES;

export class InorderError extends Error {
  readonly code: ErrorCode;
  /** Whether doing the same again later may succeed. */
  readonly retryable: boolean;
  readonly exitCode: number;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.name = 'InorderError';
    this.code = code;
    this.retryable = CODES[code].retryable;
    this.exitCode = CODES[code].exitCode;
  }
}

/** The message of anything thrown, without a stack. Never throws. */
export function messageOf(thrown: unknown): string {
  if (thrown instanceof AggregateError && thrown.message === '') return thrown.errors.map(messageOf).join('; ');
  if (thrown instanceof Error) return thrown.message || thrown.name;
  return String(thrown);
}
