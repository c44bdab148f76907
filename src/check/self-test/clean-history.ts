import type {
  DeadLetterRecord,
  DeliveryRecord,
  Evidence,
  IngestPlace,
  IngestRecord,
  LanePosition,
  LogEnd,
  MessageRow,
  Observation,
} from '../evidence.js';
import { PlaceSet } from '../place-set.js';
import { CleanPartition, TOPICS, type CleanBatch, type CleanHistoryOptions } from './clean-partition.js';

/** A history in memory, to be changed: lists of a partition are at its index. */
export interface History {
  readonly ingest: IngestRecord[][];
  /** What producers noted; not of every record, as some are written and never acknowledged. */
  readonly acknowledged: IngestPlace[];
  readonly deadLetters: DeadLetterRecord[];
  readonly delivery: DeliveryRecord[][];
  readonly rows: MessageRow[][];
  readonly lanes: LanePosition[];
  readonly logEnds: LogEnd[];
  readonly observations: Observation[];
}

const RECORDS_A_BATCH = 19;
const UNACKNOWLEDGED_EVERY = 50;

/** A clean history, all of it in memory. */
export function cleanHistory(options: CleanHistoryOptions): History {
  const history: History = {
    ingest: [],
    acknowledged: [],
    deadLetters: [],
    delivery: [],
    rows: [],
    lanes: [],
    logEnds: [],
    observations: [],
  };
  for (let partition = 0; partition < options.partitions; partition++) {
    const made = new CleanPartition(options, partition);
    const batches = Array.from({ length: batchCount(options) }, () => made.next());
    history.ingest.push(batches.flatMap(({ ingest }) => ingest));
    history.deadLetters.push(...batches.flatMap(({ deadLetters }) => deadLetters));
    history.delivery.push(batches.flatMap(({ delivery }) => delivery));
    history.rows.push(batches.flatMap(({ rows }) => rows));
    const { lane, logEnd } = made.ends();
    history.lanes.push(lane);
    history.logEnds.push(logEnd);
  }
  const acknowledged = history.ingest.flat().filter((_, n) => n % UNACKNOWLEDGED_EVERY !== 0);
  return { ...history, acknowledged, observations: history.delivery.flatMap(observed) };
}

/** Two readers of one group: the second takes over in the middle, and is handed again what the first had not committed. */
function observed(delivery: readonly DeliveryRecord[]): Observation[] {
  const visible = delivery.filter(({ outcome }) => outcome === 'committed');
  const middle = Math.floor(visible.length / 2);
  const see = (reader: string, records: readonly DeliveryRecord[]): Observation[] =>
    records.flatMap(({ partition, offset, message }) => {
      if (message === null) return [];
      const { conversationId, seq, msgId } = message;
      return [{ reader, group: 'app', assignment: 1, partition, offset, conversationId, seq, msgId }];
    });
  return [...see('reader-1', visible.slice(0, middle)), ...see('reader-2', visible.slice(Math.max(0, middle - 3)))];
}

export function evidenceOf(history: History): Evidence {
  const acknowledged = new PlaceSet();
  for (const place of history.acknowledged) acknowledged.add(place);
  return {
    acknowledged,
    topics: TOPICS,
    partitions: history.delivery.map((_, partition) => partition),
    ingest: () => history.ingest,
    deadLetters: () => [history.deadLetters],
    delivery: (partition) => [history.delivery[partition] ?? []],
    hasAbortedCopies: true,
    rows: (partition) => [history.rows[partition] ?? []],
    lanes: history.lanes,
    logEnds: history.logEnds,
    observations: () => [history.observations],
    isDrained: true,
  };
}

/** What went into making a history, to be taken off what judging it took. */
export interface MakingTime {
  ms: number;
  /** Of the processor, all threads. */
  cpuMs: number;
}

/** A clean history of any length, made while it is judged: no message is kept. Readers and lanes are left out. */
export function streamedEvidence(options: CleanHistoryOptions, making: MakingTime): Evidence {
  const partitions = Array.from({ length: options.partitions }, (_, partition) => partition);
  function* part<Name extends keyof CleanBatch>(partition: number, name: Name): Generator<CleanBatch[Name]> {
    const made = new CleanPartition(options, partition);
    for (let left = batchCount(options); left > 0; left -= STEP) {
      const beganMs = performance.now();
      const cpuBefore = process.cpuUsage();
      const items = Array.from({ length: Math.min(left, STEP) }, () => made.next()[name]).flat() as CleanBatch[Name];
      making.ms += performance.now() - beganMs;
      const { user, system } = process.cpuUsage(cpuBefore);
      making.cpuMs += (user + system) / 1_000;
      yield items;
    }
  }
  function* all<Name extends keyof CleanBatch>(name: Name): Generator<CleanBatch[Name]> {
    for (const partition of partitions) yield* part(partition, name);
  }
  return {
    topics: TOPICS,
    partitions,
    ingest: () => all('ingest'),
    deadLetters: () => all('deadLetters'),
    delivery: (partition) => part(partition, 'delivery'),
    hasAbortedCopies: true,
    rows: (partition) => part(partition, 'rows'),
    isDrained: true,
  };
}

const STEP = 50;

function batchCount({ messages, partitions }: CleanHistoryOptions): number {
  return Math.ceil(messages / partitions / RECORDS_A_BATCH);
}
