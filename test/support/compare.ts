/**
 * Holds what strangers read from the delivery topic against the rows in PostgreSQL. Written apart from the code it
 * judges: it renders a row by itself and shares nothing with src/.
 */
import pg from 'pg';
import type { ForeignRecord } from './foreign-reader.js';

interface Row {
  readonly partition: number;
  readonly msg_id: string;
  readonly conversation_id: string;
  readonly seq: string;
  readonly sender_id: string;
  readonly receiver_id: string | null;
  readonly group_id: string | null;
  readonly client_msg_id: string;
  readonly sender_seq: string | null;
  readonly sender_epoch: string | null;
  readonly sent_at: string;
  readonly received_at: string;
  readonly stamped_at: string;
  readonly late: boolean;
  readonly body: string;
  readonly meta: string | null;
}

const MOST_FINDINGS = 10;

/** Every way in which topic and table break the promises, in words; empty when both are exact and equal. */
export async function compareTopicAndTable(records: readonly ForeignRecord[], databaseUrl: string): Promise<string[]> {
  const rows = await readRows(databaseUrl);
  const findings: string[] = [];
  const find = (text: string): void => {
    if (findings.length < MOST_FINDINGS) findings.push(text);
  };
  if (records.length !== rows.length) find(`${records.length} records delivered, ${rows.length} rows stored`);
  const sorted = [...records].sort((a, b) => a.partition - b.partition || a.offset - b.offset);
  const lastSeq = new Map<string, number>();
  let last: { partition: number; msgId: bigint } = { partition: -1, msgId: 0n };
  sorted.forEach((record, index) => {
    const where = `delivery ${record.partition}:${record.offset}`;
    const row = rows[index];
    if (row === undefined) return;
    const expected = rendered(row);
    if (record.value !== expected)
      find(`${where} holds ${record.value.slice(0, 300)}, the row says ${expected.slice(0, 300)}`);
    if (record.key !== row.conversation_id) find(`${where} has key ${record.key}, the row ${row.conversation_id}`);
    const seq = Number(row.seq);
    const before = lastSeq.get(row.conversation_id) ?? 0;
    if (seq !== before + 1) find(`${where}: seq ${seq} of ${row.conversation_id} follows ${before}`);
    lastSeq.set(row.conversation_id, seq);
    const msgId = BigInt(row.msg_id);
    if (record.partition !== row.partition) find(`${where}: the row is of partition ${row.partition}`);
    if (last.partition === row.partition && msgId <= last.msgId) find(`${where}: msgId ${msgId} follows ${last.msgId}`);
    last = { partition: row.partition, msgId };
  });
  return findings;
}

/** How many rows a query counts: `query` selects one number. */
export async function countRows(databaseUrl: string, query: string): Promise<number> {
  return withClient(databaseUrl, async (client) => {
    const { rows } = await client.query<{ count: string }>(query);
    return Number(rows[0]?.count);
  });
}

async function readRows(databaseUrl: string): Promise<Row[]> {
  return withClient(databaseUrl, async (client) => {
    const { rows } = await client.query<Row>('SELECT * FROM message ORDER BY partition, msg_id');
    return rows;
  });
}

async function withClient<T>(databaseUrl: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

function rendered(row: Row): string {
  const text = JSON.stringify;
  const fields = [
    `"conversationId":${text(row.conversation_id)}`,
    `"seq":${row.seq}`,
    `"msgId":"${row.msg_id}"`,
    `"senderId":${text(row.sender_id)}`,
    row.group_id === null ? `"receiverId":${text(row.receiver_id)}` : `"groupId":${text(row.group_id)}`,
    `"clientMsgId":${text(row.client_msg_id)}`,
    ...(row.sender_seq === null ? [] : [`"senderSeq":${row.sender_seq}`]),
    ...(row.sender_epoch === null ? [] : [`"senderEpoch":${row.sender_epoch}`]),
    `"sentAt":${row.sent_at}`,
    `"receivedAt":${row.received_at}`,
    `"stampedAt":${row.stamped_at}`,
    ...(row.late ? ['"late":true'] : []),
    `"body":${row.body}`,
    ...(row.meta === null ? [] : [`"meta":${row.meta}`]),
  ];
  return `{${fields.join(',')}}`;
}
