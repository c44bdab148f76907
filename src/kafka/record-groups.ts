import { invariant } from '../invariant.js';
import type { OutgoingRecord } from '../record.js';
import { BATCH_HEADER_BYTES, MAX_RECORDS_PER_BATCH, recordBytes } from './write-records.js';

/** Records of one partition that go into one batch. */
export interface RecordGroup {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly OutgoingRecord[];
}

export interface GroupLimits {
  /** Below the brokers' `max.message.bytes`; a record that is larger alone makes a batch alone. */
  readonly maxBatchBytes: number;
  /** Sum of the batches of one request. */
  readonly maxRequestBytes: number;
}

/** kafkajs puts all of a partition's records into one batch, and the broker refuses what is above its 1 MB default. */
export const GROUP_LIMITS: GroupLimits = { maxBatchBytes: 900_000, maxRequestBytes: 16 * 1_048_576 };

interface Batch {
  readonly group: { topic: string; partition: number; records: OutgoingRecord[] };
  byteLength: number;
}

/**
 * Splits records into requests, to be sent one after the other. In a request each partition has one batch at most, and
 * the order within a partition is the order given. Linear, where kafkajs' own grouping is quadratic.
 */
export function groupRecords(records: readonly OutgoingRecord[], limits: GroupLimits = GROUP_LIMITS): RecordGroup[][] {
  const topics = new Map<string, Map<number, Batch[]>>();
  for (const record of records) {
    const { topic, partition } = record;
    invariant(Number.isInteger(partition) && partition >= 0, `partition ${partition} of ${topic} is explicit`);
    let partitions = topics.get(topic);
    if (partitions === undefined) topics.set(topic, (partitions = new Map<number, Batch[]>()));
    let batches = partitions.get(partition);
    if (batches === undefined) partitions.set(partition, (batches = []));
    const bytes = recordBytes(record);
    let last = batches.at(-1);
    if (last === undefined || last.byteLength + bytes > limits.maxBatchBytes || isFull(last)) {
      last = { group: { topic, partition, records: [] }, byteLength: BATCH_HEADER_BYTES };
      batches.push(last);
    }
    last.group.records.push(record);
    last.byteLength += bytes;
  }
  return requestsOf(
    [...topics.values()].flatMap((partitions) => [...partitions.values()]),
    limits,
  );
}

function isFull({ group }: Batch): boolean {
  return group.records.length >= MAX_RECORDS_PER_BATCH;
}

/** The first batches of all partitions, then the second ones, and so on; each turn in as few requests as fit. */
function requestsOf(partitions: readonly (readonly Batch[])[], limits: GroupLimits): RecordGroup[][] {
  const requests: RecordGroup[][] = [];
  for (let turn = 0; partitions.some((batches) => turn < batches.length); turn += 1) {
    let request: RecordGroup[] = [];
    let byteLength = 0;
    for (const batches of partitions) {
      const batch = batches[turn];
      if (batch === undefined) continue;
      if (request.length > 0 && byteLength + batch.byteLength > limits.maxRequestBytes) {
        requests.push(request);
        request = [];
        byteLength = 0;
      }
      request.push(batch.group);
      byteLength += batch.byteLength;
    }
    requests.push(request);
  }
  return requests;
}
