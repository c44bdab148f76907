/**
 * The PostgreSQL commit of a batch: one statement, one round trip, its own transaction. The fence comes first, and
 * every insert is joined to it: where the lane row is not as the owner left it, nothing is inserted at all. Heads are
 * what the inserted rows say they are, so they can't differ from the rows. Why this shape, and what others cost:
 * ADR 0003.
 */
import { InorderError } from '../errors.js';
import { failpoint } from '../failpoint.js';
import { invariant } from '../invariant.js';
import type { Plan } from '../ordering/plan.js';
import type { LaneEpoch } from '../protocol/ids.js';
import type { Database, Parameter, Statement } from './database.js';
import { brokenConstraint, isRolledBack } from './faults.js';
import {
  DEAD_LETTER_COLUMNS,
  HELD_COLUMNS,
  MESSAGE_COLUMNS,
  PARTS,
  PlanColumns,
  RELEASED_COLUMNS,
  type Part,
  type PlanParameters,
} from './plan-columns.js';

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

const FENCE_PARAMETERS = 6;

/** Column sets at rest. One is in use per statement in flight, so there are as many as connections at most. */
const idleColumns: PlanColumns[] = [];

export async function storePlan(db: Database, { partition, laneEpoch, plan }: StorePlan): Promise<StorePlanOutcome> {
  const last = plan.stamped.at(-1);
  invariant(last === undefined || last.msgId === plan.lastMsgId, `last msgId ${last?.msgId}, floor ${plan.lastMsgId}`);
  const columns = idleColumns.pop() ?? new PlanColumns();
  try {
    const fence = [partition, laneEpoch, plan.fromOffset, plan.nextOffset, plan.lastMsgId, plan.floor];
    if (failpoint !== null) await failpoint('logic.before_store');
    if (failpoint !== null && plan.released.length > 0) await failpoint('resequencing.before_release');
    const execution = await db.execute(statementOf(fence, columns.encode(plan)));
    if (failpoint !== null) await failpoint('logic.after_store');
    if (failpoint !== null && plan.held.length > 0) await failpoint('resequencing.after_hold');
    if (failpoint !== null && plan.released.length > 0) await failpoint('resequencing.after_release');
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

/** A plan without messages, say, leaves that part out: small batches pay for every part. */
function statementOf(fence: readonly Parameter[], parameters: PlanParameters): Statement {
  const parts = PARTS.filter((part) => parameters[part].length > 0);
  const name = ['store', ...parts].join('_').toLowerCase();
  let text = TEXTS.get(name);
  if (text === undefined) {
    text = sqlOf(parts);
    TEXTS.set(name, text);
  }
  return { name, text, values: [...fence, ...parts.flatMap((part) => parameters[part])] };
}

/** One for each combination of parts that came up. */
const TEXTS = new Map<string, string>();

const MESSAGE_NAMES = Object.keys(MESSAGE_COLUMNS).join(', ');
const DEAD_LETTER_NAMES = Object.keys(DEAD_LETTER_COLUMNS).join(', ');
const HELD_NAMES = Object.keys(HELD_COLUMNS).join(', ');

interface PartOfStatement {
  readonly columns: Readonly<Record<string, string>>;
  /** @param rows a query for the rows of the part's parameters. */
  readonly sql: (rows: string) => string;
}

const STATEMENT: Readonly<Record<Part, PartOfStatement>> = {
  messages: {
    columns: MESSAGE_COLUMNS,
    // A head that isn't what the lane counted on becomes null, and null is refused: the whole statement is undone.
    sql: (rows) => `stored AS (
         INSERT INTO message (partition, lane_epoch, ${MESSAGE_NAMES})
         SELECT $1, $2, m.* FROM fence, (${rows}) AS m
         RETURNING conversation_id, seq, msg_id),
       heads AS (
         INSERT INTO conversation AS c (conversation_id, partition, previous_last_seq, last_seq, last_msg_id)
         SELECT conversation_id, $1, min(seq) - 1, max(seq), max(msg_id) FROM stored GROUP BY conversation_id
         ON CONFLICT (conversation_id) DO UPDATE
           SET previous_last_seq = excluded.previous_last_seq, last_msg_id = excluded.last_msg_id,
               last_seq = CASE WHEN c.last_seq = excluded.previous_last_seq AND c.partition = excluded.partition
                               THEN excluded.last_seq END)`,
  },
  deadLetters: {
    columns: DEAD_LETTER_COLUMNS,
    sql: (rows) => `refused AS (
         INSERT INTO dead_letter (partition, lane_epoch, ${DEAD_LETTER_NAMES})
         SELECT $1, $2, d.* FROM fence, (${rows}) AS d)`,
  },
  held: {
    columns: HELD_COLUMNS,
    // What is stored already must not wait to be stored again, where the lane has forgotten it: its hash becomes null,
    // and null is refused. LIMIT keeps it one look into the index for each row, whatever the planner thinks.
    sql: (rows) => `held AS (
         INSERT INTO held_message (partition, lane_epoch, ${HELD_NAMES})
         SELECT $1, $2, ${HELD_NAMES.replace('content_hash', `CASE WHEN (${IS_STORED}) THEN NULL ELSE content_hash END`)}
           FROM fence, (${rows}) AS h (${HELD_NAMES}))`,
  },
  released: {
    columns: RELEASED_COLUMNS,
    sql: (rows) => `released AS (
         DELETE FROM held_message AS h USING fence, (${rows}) AS r (logic_offset)
          WHERE h.partition = $1 AND h.logic_offset = r.logic_offset)`,
  },
};

const IS_STORED = `SELECT true FROM message AS m
                    WHERE m.conversation_id = h.conversation_id AND m.sender_id = h.sender_id
                      AND m.client_msg_id = h.client_msg_id
                    LIMIT 1`;

function sqlOf(parts: readonly Part[]): string {
  // The position moves with records, the id floor with stamps, and every plan has one or the other: none is stored twice.
  const statements = [
    `WITH fence AS (
       UPDATE lane SET next_offset = $4, last_msg_id = $5
        WHERE partition = $1 AND epoch = $2 AND next_offset = $3 AND last_msg_id = $6
       RETURNING partition)`,
  ];
  let before = FENCE_PARAMETERS;
  for (const part of parts) {
    const { columns, sql } = STATEMENT[part];
    statements.push(sql(rowsOf(columns, before)));
    before += Object.keys(columns).length;
  }
  return `${statements.join(', ')} SELECT FROM fence`;
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
