/**
 * The PostgreSQL commit of a batch: one statement, one round trip, its own transaction. The fence comes first, and
 * every insert is joined to it: where the lane row is not as the owner left it, nothing is inserted at all. Heads are
 * what the inserted rows say they are, so they can't differ from the rows. Why this shape, and what others cost:
 * ADR 0003.
 */
import { InorderError } from '../errors.js';
import { invariant } from '../invariant.js';
import type { Plan } from '../ordering/plan.js';
import type { LaneEpoch } from '../protocol/ids.js';
import type { Database, Parameter, Statement } from './database.js';
import { brokenConstraint, isRolledBack } from './faults.js';
import { DEAD_LETTER_COLUMNS, MESSAGE_COLUMNS, PlanColumns, type PlanParameters } from './plan-columns.js';

export type StorePlanOutcome =
  | { readonly kind: 'stored' }
  /** The epoch or the position in the lane row is another: somebody took the lane. Nothing was stored. */
  | { readonly kind: 'fenced' }
  /** A row with this seq, identity or id exists, or a head is another: a cache was wrong. Nothing was stored. */
  | { readonly kind: 'conflict'; readonly constraint: string }
  /** Nothing was stored, for certain; `retryable` says whether doing the same again may succeed. */
  | { readonly kind: 'refused'; readonly cause: unknown; readonly retryable: boolean }
  /** Stored or not; only taking the lane again tells. */
  | { readonly kind: 'unknown'; readonly cause: unknown };

export interface StorePlan {
  readonly partition: number;
  readonly laneEpoch: LaneEpoch;
  readonly plan: Plan;
}

const FENCE_PARAMETERS = 5;

/** Column sets at rest. One is in use per statement in flight, so there are as many as connections at most. */
const idleColumns: PlanColumns[] = [];

export async function storePlan(db: Database, { partition, laneEpoch, plan }: StorePlan): Promise<StorePlanOutcome> {
  const last = plan.stamped.at(-1);
  invariant(last === undefined || last.msgId === plan.lastMsgId, `last msgId ${last?.msgId}, floor ${plan.lastMsgId}`);
  const columns = idleColumns.pop() ?? new PlanColumns();
  try {
    const fence = [partition, laneEpoch, plan.fromOffset, plan.nextOffset, plan.lastMsgId];
    const execution = await db.execute(statementOf(fence, columns.encode(plan.stamped)));
    switch (execution.kind) {
      case 'done':
        return { kind: execution.rows.length === 1 ? 'stored' : 'fenced' };
      case 'notSent':
        return { kind: 'refused', cause: db.faultOf(execution.error), retryable: true };
      case 'failed':
        return outcomeOf(execution.error, db);
    }
  } finally {
    idleColumns.push(columns); // answered or given up: in both cases the parameters were copied when they were sent
  }
}

/**
 * A server's answer that the statement was rolled back is believed; everything else is unknown. Should such an answer
 * be wrong all the same, the fence still holds: the position in the lane row has moved, and a second try finds that.
 */
function outcomeOf(error: unknown, db: Database): StorePlanOutcome {
  const constraint = brokenConstraint(error);
  if (constraint !== null) return { kind: 'conflict', constraint };
  const cause = db.faultOf(error);
  if (!isRolledBack(error)) return { kind: 'unknown', cause };
  return { kind: 'refused', cause, retryable: cause instanceof InorderError && cause.retryable };
}

/** A plan without messages, or without dead letters, leaves that part out: small batches pay for every part. */
function statementOf(fence: readonly Parameter[], { messages, deadLetters }: PlanParameters): Statement {
  const shape = SHAPES[messages.length > 0 ? 'messages' : 'none'][deadLetters.length > 0 ? 'deadLetters' : 'none'];
  return { ...shape, values: [...fence, ...messages, ...deadLetters] };
}

function sqlOf(withMessages: boolean, withDeadLetters: boolean): string {
  const messageNames = Object.keys(MESSAGE_COLUMNS).join(', ');
  const deadLetterNames = Object.keys(DEAD_LETTER_COLUMNS).join(', ');
  const afterMessages = FENCE_PARAMETERS + (withMessages ? Object.keys(MESSAGE_COLUMNS).length : 0);
  const parts = [
    `WITH fence AS (
       UPDATE lane SET next_offset = $4, last_msg_id = $5
        WHERE partition = $1 AND epoch = $2 AND next_offset = $3
       RETURNING partition)`,
  ];
  if (withMessages) {
    parts.push(
      `stored AS (
         INSERT INTO message (partition, lane_epoch, ${messageNames})
         SELECT $1, $2, m.* FROM fence, (${rowsOf(MESSAGE_COLUMNS, FENCE_PARAMETERS)}) AS m
         RETURNING conversation_id, seq, msg_id)`,
      // A head that isn't what the lane counted on becomes null, and null is refused: the whole statement is undone.
      `heads AS (
         INSERT INTO conversation AS c (conversation_id, partition, previous_last_seq, last_seq, last_msg_id)
         SELECT conversation_id, $1, min(seq) - 1, max(seq), max(msg_id) FROM stored GROUP BY conversation_id
         ON CONFLICT (conversation_id) DO UPDATE
           SET previous_last_seq = excluded.previous_last_seq, last_msg_id = excluded.last_msg_id,
               last_seq = CASE WHEN c.last_seq = excluded.previous_last_seq AND c.partition = excluded.partition
                               THEN excluded.last_seq END)`,
    );
  }
  if (withDeadLetters) {
    parts.push(
      `refused AS (
         INSERT INTO dead_letter (partition, lane_epoch, ${deadLetterNames})
         SELECT $1, $2, d.* FROM fence, (${rowsOf(DEAD_LETTER_COLUMNS, afterMessages)}) AS d)`,
    );
  }
  return `${parts.join(', ')} SELECT FROM fence`;
}

/**
 * The rows of one array parameter for each column, the first of them `$(before + 1)`. Set-returning functions in a
 * select list run in step, without the intermediate table for each that they'd need in FROM, and what is shorter (a
 * null for a column of nulls) ends in nulls.
 */
function rowsOf(columns: Readonly<Record<string, string>>, before: number): string {
  const unnested = Object.values(columns).map((type, i) => `unnest($${before + i + 1}::${type}[])`);
  return `SELECT ${unnested.join(', ')}`;
}

const SHAPES = {
  none: {
    none: { name: 'store_nothing', text: sqlOf(false, false) },
    deadLetters: { name: 'store_dead_letters', text: sqlOf(false, true) },
  },
  messages: {
    none: { name: 'store_messages', text: sqlOf(true, false) },
    deadLetters: { name: 'store_both', text: sqlOf(true, true) },
  },
};
