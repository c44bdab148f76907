/**
 * Evidence of a system that runs or ran, from its topics and tables. What is judged is a moment: the ends of the ingest
 * topic when the reading began. The reader waits, bounded, for what lies before them to arrive; then it reads, in this
 * order, what was committed, the ends of the delivery topic, the lanes, and last the rows, so that nothing that is
 * visible in one place can be missing in the next. What comes later is left out; what did not arrive is on its way.
 */
import type { Clock } from '../../clock/clock.js';
import type { KafkaAdmin, LogRange } from '../../kafka/admin.js';
import type { PartitionLogReader } from '../../kafka/partition-log.js';
import type { Database } from '../../postgres/database.js';
import { readCheckedLanes, readCheckedRows, readHeldPlaces } from '../../postgres/read-checked.js';
import { decodeLogicRecord } from '../../protocol/logic-record.js';
import type { TopicNames } from '../../protocol/topics.js';
import type {
  DeadLetterRecord,
  DeliveryRecord,
  Evidence,
  IngestPlace,
  IngestRecord,
  LanePosition,
  LogEnd,
} from '../evidence.js';
import { deadLetterIn, deliveryIn, saidIn } from './record-texts.js';

export interface ServerEvidenceOptions {
  readonly topics: TopicNames;
  readonly groups: { readonly ingest: string; readonly logic: string };
  readonly admin: KafkaAdmin;
  readonly logs: PartitionLogReader;
  readonly database: Database;
  readonly clock: Clock;
  /** How long to wait for what was ingested to arrive, ms. */
  readonly settleMs: number;
  /** Whether nothing is written any more. */
  readonly isDrained: boolean;
  readonly onProgress: (what: string) => void;
}

type Ends = ReadonlyMap<number, LogRange>;

const POLL_MS = 100;

/** Waits, then fixes the moment; the records themselves are read when they are judged. @throws InorderError */
export async function serverEvidence(options: ServerEvidenceOptions): Promise<Evidence> {
  const { topics, admin, logs, database, isDrained } = options;
  const ingest = await admin.logRanges(topics.ingest);
  await settle(options, ingest);
  const passedOn = await committedOffsets(options, options.groups.ingest, topics.ingest, ingest);
  const lanesBefore = await readCheckedLanes(database);
  const logic = await admin.logRanges(topics.logic);
  const held = await readHeldPlaces(database);
  const committed = await commits(options, logic);
  const logEnds = await readLogEnds(options);
  const delivery = await admin.logRanges(topics.delivery);
  const deliveryEnds = new Map(
    logEnds.filter(({ topic }) => topic === topics.delivery).map((end) => [end.partition, end]),
  );
  const lanes = await readCheckedLanes(database);
  const dlq = await admin.logRanges(topics.dlq);
  return {
    topics,
    partitions: [...delivery.keys()],
    ingest: () => readIngest(options, ingest),
    ingestRanges: new Map(
      [...ingest].map(([partition, { startOffset: start, endOffset: end }]) => [partition, { start, end }]),
    ),
    deadLetters: () => readDeadLetters(options, dlq),
    inFlight: () => readInFlight(options, { ingest, passedOn, logic, lanes: lanesBefore, held }),
    delivery: (partition) => readDelivery(options, partition, delivery, deliveryEnds.get(partition)?.endOffset ?? 0),
    truncated: new Set([...delivery].filter(([, { startOffset }]) => startOffset > 0).map(([partition]) => partition)),
    hasAbortedCopies: true,
    rows: (partition) => readCheckedRows(database, partition),
    lanes: lanes.map((lane): LanePosition => ({ ...lane, ...(committed.get(lane.partition) ?? NOTHING_COMMITTED) })),
    logEnds,
    isDrained,
  };

  function readDelivery(
    { topics: { delivery: topic } }: ServerEvidenceOptions,
    partition: number,
    ranges: Ends,
    endOffset: number,
  ): AsyncGenerator<DeliveryRecord[]> {
    const from = ranges.get(partition)?.startOffset ?? 0;
    return mapped(logs.read(topic, partition, from, endOffset), ({ record, outcome, transaction }) =>
      deliveryIn(record, outcome, transaction),
    );
  }
}

const NOTHING_COMMITTED = { committedOffset: null, watermark: null } as const;

/** Until what lies before the ends has passed both groups, and no transaction is open, or time is up. */
async function settle(options: ServerEvidenceOptions, ingest: Ends): Promise<void> {
  const { admin, topics, groups, clock, settleMs, onProgress } = options;
  const giveUpAtMs = clock.monotonicMs() + settleMs;
  const waitFor = async (what: string, group: string, topic: string, ends: Ends): Promise<void> => {
    for (;;) {
      const behind = behindBy(ends, await committedOffsets(options, group, topic, ends));
      if (behind === 0 || clock.monotonicMs() >= giveUpAtMs) return;
      onProgress(`waiting for ${behind} ${what} to arrive`);
      await clock.sleep(POLL_MS);
    }
  };
  await waitFor('ingest records', groups.ingest, topics.ingest, ingest);
  await waitFor('records', groups.logic, topics.logic, await admin.logRanges(topics.logic));
  while (clock.monotonicMs() < giveUpAtMs) {
    const held = await readHeldPlaces(options.database);
    const open = (await readLogEnds(options)).filter(({ stableOffset, endOffset }) => stableOffset < endOffset);
    if (held.length === 0 && open.length === 0) return;
    onProgress(`waiting for ${held.length} held messages and ${open.length} open transactions`);
    await clock.sleep(POLL_MS);
  }
}

function behindBy(ends: Ends, committed: ReadonlyMap<number, number>): number {
  let behind = 0;
  for (const [partition, { startOffset, endOffset }] of ends) {
    behind += Math.max(0, endOffset - Math.max(startOffset, committed.get(partition) ?? 0));
  }
  return behind;
}

async function committedOffsets(
  { admin }: ServerEvidenceOptions,
  group: string,
  topic: string,
  ends: Ends,
): Promise<Map<number, number>> {
  const found = new Map<number, number>();
  for (const partition of ends.keys()) {
    const committed = await admin.committed(group, topic, partition);
    if (committed !== null) found.set(partition, committed.nextOffset);
  }
  return found;
}

/** What each lane committed, with its watermark. */
async function commits(
  { admin, topics, groups }: ServerEvidenceOptions,
  logic: Ends,
): Promise<Map<number, Pick<LanePosition, 'committedOffset' | 'watermark'>>> {
  const found = new Map<number, Pick<LanePosition, 'committedOffset' | 'watermark'>>();
  for (const partition of logic.keys()) {
    const committed = await admin.committed(groups.logic, topics.logic, partition);
    if (committed === null) continue;
    const watermark = /^\d{1,19}$/.test(committed.metadata ?? '') ? committed.metadata : null;
    found.set(partition, { committedOffset: committed.nextOffset, watermark });
  }
  return found;
}

async function readLogEnds({ admin, topics, logs, clock }: ServerEvidenceOptions): Promise<LogEnd[]> {
  const ends: LogEnd[] = [];
  for (const topic of [topics.ingest, topics.logic, topics.delivery, topics.dlq]) {
    for (const [partition, { startOffset }] of await admin.logRanges(topic)) {
      const { stableOffset, endOffset, openSinceMs } = await logs.ends(topic, partition, startOffset);
      const openForMs = openSinceMs === null ? null : Math.max(0, clock.nowMs() - openSinceMs);
      ends.push({ topic, partition, stableOffset, endOffset, openForMs });
    }
  }
  return ends;
}

async function* readIngest({ topics, logs }: ServerEvidenceOptions, ends: Ends): AsyncGenerator<IngestRecord[]> {
  for (const [partition, { startOffset, endOffset }] of ends) {
    for await (const batch of logs.read(topics.ingest, partition, startOffset, endOffset)) {
      yield batch
        .filter(({ outcome }) => outcome === 'committed')
        .map(({ record }) => ({ partition, offset: record.offset, said: saidIn(record.value) }));
    }
  }
}

async function* readDeadLetters(
  { topics, logs }: ServerEvidenceOptions,
  ends: Ends,
): AsyncGenerator<DeadLetterRecord[]> {
  for (const [partition, { startOffset, endOffset }] of ends) {
    for await (const batch of logs.read(topics.dlq, partition, startOffset, endOffset)) {
      yield batch.flatMap(({ record, outcome }) => (outcome === 'committed' ? (deadLetterIn(record) ?? []) : []));
    }
  }
}

interface OnTheWay {
  readonly ingest: Ends;
  readonly passedOn: ReadonlyMap<number, number>;
  readonly logic: Ends;
  readonly lanes: readonly { partition: number; nextOffset: number }[];
  readonly held: readonly IngestPlace[];
}

/** Not yet passed on by the ingest stage; passed on and not yet stored; stored as held. */
async function* readInFlight(
  { topics, logs }: ServerEvidenceOptions,
  { ingest, passedOn, logic, lanes, held }: OnTheWay,
): AsyncGenerator<IngestPlace[]> {
  yield [...held];
  for (const [partition, { startOffset, endOffset }] of ingest) {
    const from = Math.max(startOffset, passedOn.get(partition) ?? 0);
    const STEP = 10_000;
    for (let at = from; at < endOffset; at += STEP) {
      const length = Math.min(STEP, endOffset - at);
      yield Array.from({ length }, (_, n) => ({ partition, offset: at + n }));
    }
  }
  for (const [partition, { startOffset, endOffset }] of logic) {
    const from = Math.max(startOffset, lanes.find((lane) => lane.partition === partition)?.nextOffset ?? 0);
    for await (const batch of logs.read(topics.logic, partition, from, endOffset)) {
      yield batch.flatMap(({ record }) => {
        const decoded = decodeLogicRecord(record);
        return decoded.ok ? decoded.incoming.place : decoded.place;
      });
    }
  }
}

async function* mapped<From, To>(batches: AsyncGenerator<From[]>, map: (one: From) => To): AsyncGenerator<To[]> {
  for await (const batch of batches) yield batch.map(map);
}
