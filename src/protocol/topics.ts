/** The names of the four topics; see docs/asyncapi.yaml. */
export interface TopicNames {
  /** Envelopes of any producer. */
  readonly ingest: string;
  /** Internal: envelopes by conversation. */
  readonly logic: string;
  /** The ordered output. */
  readonly delivery: string;
  /** Dead letters. */
  readonly dlq: string;
}

/** @param prefix a legal start of a Kafka topic name, `im` by default; config/ checks it. */
export function topicNames(prefix: string): TopicNames {
  return {
    ingest: `${prefix}.ingest`,
    logic: `${prefix}.logic`,
    delivery: `${prefix}.delivery`,
    dlq: `${prefix}.dlq`,
  };
}
