// Measures the shapes in which a batch can be stored, against the server of DATABASE_URL (a minute of load, in schemas
// of its own that it drops). The figures of docs/adr/0003-one-statement-store.md come from it:
//
//   npm run build && DATABASE_URL=postgres://… node scripts/measure-sql.mjs
//
// Server CPU is what the session's own process used, read by a superuser on Linux; else it is n/a. Shapes take turns,
// so that what else happens on the machine happens to all of them.
import { performance } from 'node:perf_hooks';
import pg from 'pg';
import { silentLog } from '../dist/observe/log.js';
import { BinaryArray } from '../dist/postgres/binary-array.js';
import { openDatabase } from '../dist/postgres/database.js';
import { migrate } from '../dist/postgres/migrate.js';
import { MESSAGE_COLUMNS, PlanColumns } from '../dist/postgres/plan-columns.js';
import { storePlan } from '../dist/postgres/store-plan.js';
import { takeLane } from '../dist/postgres/take-lane.js';

const PARTITION = 0;
const CONVERSATIONS = 1_000;
const WARM_UP_BATCHES = 12; // the server settles on a plan after the sixth
const TURNS = 10;
/** Rows a batch, and batches for each shape. */
const SIZES = [
  { rows: 500, batches: 40 },
  { rows: 10, batches: 200 },
  { rows: 1, batches: 300 },
];

const NAMES = Object.keys(MESSAGE_COLUMNS).join(', ');
const TYPES = Object.values(MESSAGE_COLUMNS);
const FENCE = `UPDATE lane SET next_offset = $4, last_msg_id = $5
                WHERE partition = $1 AND epoch = $2 AND next_offset = $3 AND last_msg_id = $6 RETURNING 1`;
const HEADS = `INSERT INTO conversation AS c (conversation_id, partition, previous_last_seq, last_seq, last_msg_id)`;
const MOVE_HEAD = `ON CONFLICT (conversation_id) DO UPDATE
  SET previous_last_seq = excluded.previous_last_seq, last_msg_id = excluded.last_msg_id,
      last_seq = CASE WHEN c.last_seq = excluded.previous_last_seq AND c.partition = excluded.partition
                      THEN excluded.last_seq END`;
const arrays = (types, from) => types.map((type, i) => `$${from + i}::${type}[]`).join(', ');

/** The shipped statement, but with the arrays unnested in FROM. */
const UNNEST_IN_FROM = `
WITH fence AS (${FENCE}),
 stored AS (INSERT INTO message (partition, lane_epoch, ${NAMES})
            SELECT $1, $2, m.* FROM unnest(${arrays(TYPES, 7)}) AS m, fence RETURNING conversation_id, seq, msg_id),
 heads AS (${HEADS}
           SELECT conversation_id, $1, min(seq) - 1, max(seq), max(msg_id) FROM stored GROUP BY 1 ${MOVE_HEAD})
SELECT 1 FROM fence`;

/** The heads sent as arrays beside the rows, instead of taken from them. */
const HEADS_SENT = `
WITH fence AS (${FENCE}),
 stored AS (INSERT INTO message (partition, lane_epoch, ${NAMES})
            SELECT $1, $2, m.* FROM fence, (SELECT ${TYPES.map((type, i) => `unnest($${7 + i}::${type}[])`)}) AS m),
 heads AS (${HEADS} SELECT h.id, $1, h.first - 1, h.last, h.msg_id
             FROM unnest(${arrays(['text', 'int8', 'int8', 'int8'], 7 + TYPES.length)}) AS h (id, first, last, msg_id), fence
           ${MOVE_HEAD})
SELECT 1 FROM fence`;

const INSERT_ALONE = `INSERT INTO message (partition, lane_epoch, ${NAMES})
  SELECT $1::int, $2::int8, m.* FROM (SELECT ${TYPES.map((type, i) => `unnest($${3 + i}::${type}[])`)}) AS m`;
const HEADS_ALONE = `${HEADS} SELECT h.id, $1::int, h.first - 1, h.last, h.msg_id
  FROM unnest(${arrays(['text', 'int8', 'int8', 'int8'], 2)}) AS h (id, first, last, msg_id) ${MOVE_HEAD}`;

/** Name → how one batch is stored. `lane` is what a shape opened; see `open`. */
const SHAPES = {
  'one statement, as shipped': (lane, batch) => stored(storePlan(lane.db, { ...lane.reign, plan: batch.plan })),
  'the same, messages without numbers': (lane, batch) =>
    stored(storePlan(lane.db, { ...lane.reign, plan: batch.plan })),
  'the same without the index for takeovers': (lane, batch) =>
    stored(storePlan(lane.db, { ...lane.reign, plan: batch.plan })),
  'one statement, unnest in FROM': (lane, batch) =>
    fenced(lane, { name: 'from', text: UNNEST_IN_FROM, values: [...batch.fence, ...encode(lane, batch)] }),
  'one statement, unnest in FROM, unsorted': (lane, batch) =>
    fenced(lane, { name: 'from', text: UNNEST_IN_FROM, values: [...batch.fence, ...binaryArrays(batch.plan.stamped)] }),
  'one statement, heads sent along': (lane, batch) =>
    fenced(lane, {
      name: 'heads',
      text: HEADS_SENT,
      values: [...batch.fence, ...encode(lane, batch), ...headArrays(batch)],
    }),
  'one statement, arrays as text': (lane, batch) =>
    fenced(lane, { name: 'text', text: UNNEST_IN_FROM, values: [...batch.fence, ...textArrays(batch)] }),
  'five round trips': (lane, batch) =>
    transaction(lane, batch, (values) =>
      lane.client.query({ name: 'insert', text: INSERT_ALONE, values: [PARTITION, lane.reign.laneEpoch, ...values] }),
    ),
  'five round trips, rows by COPY': (lane, batch) =>
    transaction(lane, batch, (values) => copy(lane.client, lane.reign.laneEpoch, values, batch)),
};

async function stored(outcome) {
  const { kind, cause } = await outcome;
  if (kind !== 'stored') throw new Error(`the batch was ${kind}`, { cause });
}

async function fenced(lane, statement) {
  const { rowCount } = await lane.client.query(statement);
  if (rowCount !== 1) throw new Error('the batch was fenced');
}

async function transaction(lane, batch, insert) {
  await lane.client.query('BEGIN');
  await fenced(lane, { name: 'fence', text: FENCE, values: batch.fence });
  await insert(encode(lane, batch));
  await lane.client.query({ name: 'heads_alone', text: HEADS_ALONE, values: [PARTITION, ...headArrays(batch)] });
  await lane.client.query('COMMIT');
}

function encode(lane, batch) {
  return lane.columns.encode(batch.plan).messages;
}

function headsOf({ plan }) {
  const heads = new Map();
  for (const { conversationId, seq, msgId } of plan.stamped) {
    heads.set(conversationId, { first: heads.get(conversationId)?.first ?? seq, last: seq, msgId });
  }
  return heads;
}

function headArrays(batch) {
  const heads = [...headsOf(batch)].sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    heads.map(([id]) => id),
    heads.map(([, head]) => head.first),
    heads.map(([, head]) => head.last),
    heads.map(([, head]) => head.msgId),
  ];
}

const VALUE_OF = {
  body: (m) => m.body,
  seq: (m) => m.seq,
  msg_id: (m) => m.msgId,
  sent_at: (m) => m.sentAt,
  received_at: (m) => m.receivedAt,
  stamped_at: (m) => m.stampedAt,
  ingest_offset: (m) => m.place.offset,
  ingest_partition: (m) => m.place.partition,
  late: (m) => m.late,
  conversation_id: (m) => m.conversationId,
  sender_id: (m) => m.senderId,
  receiver_id: (m) => m.receiverId,
  group_id: (m) => m.groupId,
  client_msg_id: (m) => m.clientMsgId,
  sender_seq: (m) => m.senderSeq,
  prev_sender_seq: (m) => m.prevSenderSeq,
  sender_epoch: (m) => m.senderEpoch,
  content_hash: (m) => m.contentHash,
  meta: (m) => m.meta,
  traceparent: (m) => m.traceparent,
  tracestate: (m) => m.tracestate,
  high_sent_at: () => null,
  former_sent_at: () => null,
};

/** As node-postgres sends arrays by itself. */
function textArrays({ plan }) {
  const messages = [...plan.stamped].sort((a, b) => (a.conversationId < b.conversationId ? -1 : 1));
  return Object.keys(MESSAGE_COLUMNS).map((name) =>
    messages.map((message) => (name === 'body' ? message.body.toString() : VALUE_OF[name](message))),
  );
}

/** In binary format, in the order given. */
function binaryArrays(messages) {
  return Object.entries(MESSAGE_COLUMNS).map(([name, type]) => {
    const array = new BinaryArray(type);
    for (const message of messages) {
      const value = VALUE_OF[name](message);
      if (value === null) array.null();
      else if (Buffer.isBuffer(value)) array.bytes(value);
      else if (typeof value === 'bigint') array.bigInt8(value);
      else array[type](value);
    }
    return array.finishSparse();
  });
}

/** COPY … FROM STDIN in binary format, the elements cut out of the same arrays. */
function copy(client, laneEpoch, values, batch) {
  const bytes = copyBytes(laneEpoch, values, batch.plan.stamped.length);
  return new Promise((resolve, reject) => {
    client.query({
      submit: (connection) =>
        connection.query(`COPY message (partition, lane_epoch, ${NAMES}) FROM STDIN (FORMAT binary)`),
      handleCopyInResponse: (connection) => {
        connection.sendCopyFromChunk(bytes);
        connection.endCopyFrom();
      },
      handleCommandComplete: () => undefined,
      handleReadyForQuery: resolve,
      handleError: reject,
    });
  });
}

function copyBytes(laneEpoch, values, rowCount) {
  const own = Buffer.alloc(2 + 8 + 12); // the count of fields, partition, lane_epoch
  own.writeInt16BE(2 + values.length, 0);
  own.writeInt32BE(4, 2);
  own.writeInt32BE(PARTITION, 6);
  own.writeInt32BE(8, 10);
  own.writeBigInt64BE(BigInt(laneEpoch), 14);
  const nothing = Buffer.from([255, 255, 255, 255]);
  const at = values.map(() => 20);
  const parts = [Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')];
  for (let row = 0; row < rowCount; row++) {
    parts.push(own);
    values.forEach((array, column) => {
      if (array === null) return parts.push(nothing);
      const end = at[column] + 4 + Math.max(0, array.readInt32BE(at[column]));
      parts.push(array.subarray(at[column], end));
      at[column] = end;
    });
  }
  parts.push(Buffer.from([255, 255]));
  return Buffer.concat(parts);
}

/** One shape's own schema, lane and connection. */
async function open(url, shape, rows) {
  const schema = `measure_sql_${process.pid}_${Object.keys(SHAPES).indexOf(shape)}_${rows}`;
  const own = new URL(url);
  own.searchParams.set('options', `-c search_path=${schema}`);
  const connectionString = own.href.replaceAll('+', '%20');
  const client = new pg.Client({ connectionString });
  await client.connect();
  await client.query(`CREATE SCHEMA ${schema}`);
  const limits = { statementTimeoutMs: 60_000, idleInTransactionTimeoutMs: 60_000, connectTimeoutMs: 10_000 };
  const db = openDatabase(
    { url: connectionString, maxConnections: 1, applicationName: 'measure-sql', ...limits },
    silentLog,
  );
  await migrate(db, silentLog);
  if (shape.includes('without the index')) await client.query('DROP INDEX message_by_lane');
  const { laneEpoch } = await takeLane(db, { partition: PARTITION, owner: 'measure-sql' });
  const lane = { schema, client, db, reign: { partition: PARTITION, laneEpoch }, columns: new PlanColumns() };
  const isNumbered = !shape.includes('without numbers');
  const source = { heads: new Map(), rowCount: 0, floor: 0n, isNumbered, laneEpoch, random: randomFrom(20_240_229) };
  return { shape, rows, lane, source, spent: { serverUs: 0, clientUs: 0, wallUs: 0, batches: 0 } };
}

async function close({ lane }) {
  await lane.db.close();
  await lane.client.query(`DROP SCHEMA ${lane.schema} CASCADE`);
  await lane.client.end();
}

/** The same batches in every run and for every shape (mulberry32). */
function randomFrom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const BODY = Buffer.from(JSON.stringify({ text: 'x'.repeat(180) }));

function makeBatch(source, rows) {
  const { heads, laneEpoch } = source;
  const fromOffset = source.rowCount;
  const stamped = Array.from({ length: rows }, () => {
    const number = Math.floor(source.random() * CONVERSATIONS);
    const conversationId = `single:user-${number}:user-${number + 1}`;
    const seq = (heads.get(conversationId) ?? 0) + 1;
    heads.set(conversationId, seq);
    source.rowCount += 1;
    return makeMessage({ conversationId, number, seq, row: source.rowCount, isNumbered: source.isNumbered });
  });
  const { rowCount: nextOffset } = source;
  const lastMsgId = stamped.at(-1).msgId;
  const { floor } = source;
  source.floor = lastMsgId;
  const plan = { stamped, held: [], released: [], floor, lastMsgId, fromOffset, nextOffset };
  return { plan, fence: [PARTITION, laneEpoch, fromOffset, nextOffset, lastMsgId, floor] };
}

function makeMessage({ conversationId, number, seq, row, isNumbered }) {
  const now = 1_764_000_000_000 + row;
  return {
    kind: 'message',
    msgId: (BigInt(now) << 22n) + BigInt(row),
    seq,
    stampedAt: now,
    late: false,
    conversationId,
    senderId: `user-${number}`,
    receiverId: `user-${number + 1}`,
    groupId: null,
    clientMsgId: `message-${row}-abcdefgh`,
    sentAt: now,
    senderSeq: isNumbered ? seq : null,
    prevSenderSeq: isNumbered ? seq - 1 : null,
    senderEpoch: isNumbered ? 1 : null,
    body: BODY,
    meta: null,
    contentHash: Buffer.alloc(32, row % 256),
    place: { partition: 1, offset: row },
    receivedAt: now,
    traceparent: null,
    tracestate: null,
  };
}

/** CPU of the two sessions of a lane (only one of them works), in µs; null where it can't be read. */
async function serverCpuUs({ db, client }) {
  const text = `SELECT split_part(pg_read_file('/proc/self/schedstat'), ' ', 1) AS ns`;
  try {
    const [row] = await db.query({ text });
    const { rows } = await client.query(text);
    return (Number(row.ns) + Number(rows[0].ns)) / 1_000;
  } catch {
    return null;
  }
}

async function run(entry, count) {
  const { lane, source, rows, spent } = entry;
  const batches = Array.from({ length: count }, () => makeBatch(source, rows));
  const server = await serverCpuUs(lane);
  const client = process.cpuUsage();
  const began = performance.now();
  for (const batch of batches) await SHAPES[entry.shape](lane, batch);
  spent.wallUs += (performance.now() - began) * 1_000;
  const { user, system } = process.cpuUsage(client);
  spent.clientUs += user + system;
  spent.serverUs = server === null ? null : spent.serverUs + (await serverCpuUs(lane)) - server;
  spent.batches += count;
}

function print({ shape, rows, spent }) {
  const perRow = (us) => (us === null ? 'n/a' : (us / spent.batches / rows).toFixed(1)).padStart(8);
  console.log(
    `| ${shape.padEnd(42)} | ${String(rows).padStart(4)} |${perRow(spent.serverUs)} |${perRow(spent.clientUs)} |${perRow(spent.wallUs)} |`,
  );
}

const url = process.env.DATABASE_URL;
if (url === undefined) {
  console.error('DATABASE_URL names the server to measure, e.g. postgres://inorder:inorder@127.0.0.1:5432/inorder');
  process.exit(2);
}
console.log('µs for each row:');
console.log('| shape                                      | rows | server CPU | client CPU | wall |');
console.log('| --- | --- | --- | --- | --- |');
for (const { rows, batches } of SIZES) {
  const entries = [];
  try {
    for (const shape of Object.keys(SHAPES)) entries.push(await open(url, shape, rows));
    for (const entry of entries) {
      await run(entry, WARM_UP_BATCHES);
      entry.spent = { serverUs: 0, clientUs: 0, wallUs: 0, batches: 0 };
    }
    for (let turn = 0; turn < TURNS; turn++) for (const entry of entries) await run(entry, batches / TURNS);
    entries.forEach(print);
  } finally {
    for (const entry of entries) await close(entry);
  }
}
