/** The ceiling: PostgreSQL alone, storing batches that were decided beforehand; no Kafka, no parsing. */
import { advance, decide } from '../ordering/decide.js';
import type { Plan } from '../ordering/plan.js';
import { unknownConversations, unknownSenders } from '../ordering/needs.js';
import { newOrderingState } from '../ordering/state.js';
import type { Database } from '../postgres/database.js';
import { storePlan } from '../postgres/store-plan.js';
import { takeLane } from '../postgres/take-lane.js';
import type { LaneEpoch, LogicOffset, MsgId, Seq } from '../protocol/ids.js';
import type { Incoming } from '../protocol/message.js';
import { parseEnvelope } from '../protocol/parse-envelope.js';
import { InorderError } from '../errors.js';
import type { WorkloadRecord } from '../workload/workload.js';

const LANES = 4;
const ROWS_PER_BATCH = 500;

interface Lane {
  readonly partition: number;
  readonly laneEpoch: LaneEpoch;
  readonly plans: Plan[];
}

/** Rows a second through the pipeline's own statement, four lanes side by side. Leaves rows behind. */
export async function insertRate(
  database: Database,
  records: readonly WorkloadRecord[],
  maxValueBytes: number,
): Promise<number> {
  const lanes: Lane[] = [];
  for (let partition = 0; partition < LANES; partition++) {
    const { laneEpoch } = await takeLane(database, { partition, owner: 'bench' });
    const own = records.filter((_, index) => index % LANES === partition);
    lanes.push({ partition, laneEpoch, plans: plansOf(partition, own, maxValueBytes) });
  }
  const rows = lanes.reduce((sum, { plans }) => sum + plans.reduce((count, plan) => count + plan.stamped.length, 0), 0);
  const beganMs = performance.now();
  await Promise.all(lanes.map((lane) => storeAll(database, lane)));
  return (rows / (performance.now() - beganMs)) * 1000;
}

async function storeAll(database: Database, { partition, laneEpoch, plans }: Lane): Promise<void> {
  for (const plan of plans) {
    const outcome = await storePlan(database, { partition, laneEpoch, plan });
    if (outcome.kind !== 'stored') throw new InorderError('postgres_failed', `the insert ceiling was ${outcome.kind}`);
  }
}

/** Identities carry the lane, so that no two lanes of this measurement share a conversation. */
function plansOf(partition: number, records: readonly WorkloadRecord[], maxValueBytes: number): Plan[] {
  const start = 0 as LogicOffset;
  const bound = records.length;
  const unbounded = { maxPerSender: bound, maxCount: bound, maxBytes: Infinity };
  const reorder = { windowMs: 0, silenceMs: 0, ...unbounded, resetAfterMs: Infinity };
  const state = newOrderingState(
    { partition, lastMsgId: 0n as MsgId, nextOffset: start, caughtUpOffset: start, held: [] },
    { maxHeads: 1_000_000, maxSenders: 1_000_000, maxSeen: 1_000_000, reorder },
  );
  const plans: Plan[] = [];
  for (let from = 0; from < records.length; from += ROWS_PER_BATCH) {
    const batch = {
      records: records.slice(from, from + ROWS_PER_BATCH).map((record, index) => ({
        kind: 'incoming' as const,
        incoming: incomingOf(record, partition, from + index, maxValueBytes),
      })),
      nextOffset: Math.min(records.length, from + ROWS_PER_BATCH) as LogicOffset,
    };
    for (const id of unknownConversations(state, batch)) state.heads.set(id, 0 as Seq);
    for (const key of unknownSenders(state, batch).keys()) state.senders.set(key, null);
    const plan = decide(state, batch, { nowMs: Date.now(), monotonicMs: performance.now() });
    advance(state, plan);
    plans.push(plan);
  }
  return plans;
}

function incomingOf(record: WorkloadRecord, partition: number, offset: number, maxValueBytes: number): Incoming {
  const parsed = parseEnvelope(record.value, { maxValueBytes });
  if (!parsed.ok) throw new InorderError('invariant_broken', `the workload made a bad record: ${parsed.detail}`);
  const { envelope } = parsed;
  return {
    ...envelope,
    conversationId: `${envelope.conversationId}:ceiling${partition}` as Incoming['conversationId'],
    logicOffset: offset as LogicOffset,
    place: { partition, offset },
    receivedAt: envelope.sentAt,
    traceparent: null,
    tracestate: null,
    original: record,
  };
}
