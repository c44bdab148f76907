/** How to reach the brokers. Validated by `config/`; this room trusts it. */
export interface KafkaOptions {
  /** `host:port` each, at least one. */
  readonly brokers: readonly string[];
  readonly ssl: boolean;
  readonly sasl: SaslOptions | null;
  /** Names this process in the brokers' logs and quotas. */
  readonly clientId: string;
}

export interface SaslOptions {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  readonly username: string;
  readonly password: string;
}

/** Time limits of one connection, ms. One table, so that no kafkajs default (which NODE_ENV=test changes) decides. */
export const LIMITS = {
  connectMs: 3_000,
  authenticateMs: 5_000,
  /** Longer than `produceAckMs`: a broker's own answer wins over our giving up. */
  requestMs: 20_000,
  produceAckMs: 15_000,
  /** After this a broker that could not be reached is reported, ms. */
  unreachableMs: 10_000,
} as const;

/** kafkajs retry settings, explicit everywhere. `retries` counts; the times are ms. */
export interface RetryOptions {
  readonly initialRetryTime: number;
  readonly maxRetryTime: number;
  readonly multiplier: number;
  readonly factor: number;
  readonly retries: number;
}

/** For connecting, metadata and group coordination: gives up after about 6 s, shortly before a session expires. */
export const PATIENT_RETRY: RetryOptions = {
  initialRetryTime: 50,
  maxRetryTime: 1_000,
  multiplier: 2,
  factor: 0.2,
  retries: 9,
};

/**
 * For what a transaction waits for while the broker finishes the one before: short, because that takes about a
 * millisecond, and bounded to about 10 s.
 */
export const EAGER_RETRY: RetryOptions = {
  initialRetryTime: 2,
  maxRetryTime: 250,
  multiplier: 2,
  factor: 0,
  retries: 46,
};

/**
 * For records in a transaction. A send that kafkajs repeats by itself can double them: of a send to two brokers it
 * repeats what went to the one that failed and, under new sequence numbers, what is still on its way to the other.
 */
export const NO_RETRY: RetryOptions = { ...EAGER_RETRY, retries: 0 };
