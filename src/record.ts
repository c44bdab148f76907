/**
 * Kafka's unit as plain data, shared by the rooms that make records and the room that moves them.
 * A header named twice has an array value; header values are bytes.
 */
export type RecordHeaders = Readonly<Record<string, Buffer | readonly Buffer[]>>;

/** What a record carries, wherever it lies. `null` and an empty buffer differ. */
export interface RawRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: RecordHeaders;
}

/** A record's place. `offset` is the position of the record itself, not the next one. */
export interface RecordPlace {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** A record as read from a topic. `timestampMs` is the broker's (LogAppendTime on our topics). */
export interface KafkaRecord extends RawRecord, RecordPlace {
  readonly timestampMs: number;
}

/** A record to be written. The partition is always explicit: a partitioner of the client is never asked. */
export interface OutgoingRecord extends RawRecord {
  readonly topic: string;
  readonly partition: number;
}

/** The first value of a header, or undefined. */
export function headerOf(headers: RecordHeaders, name: string): Buffer | undefined {
  if (!Object.hasOwn(headers, name)) return undefined;
  const value = headers[name];
  return Buffer.isBuffer(value) ? value : (value as readonly Buffer[] | undefined)?.[0];
}
