/**
 * What the network does to numbered messages, and what readers see of it: 200 senders, shuffled and doubled on their
 * way to the ingest topic. Both runs go through the stages as processes, on real servers. The first has a window that
 * a busy machine's pauses don't fill; on a quiet one the shipped window does:
 *
 *   INORDER_TEST_WINDOW_MS=500 npm test -- --selectProjects integration -t "shuffled within"
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { KafkaAdmin } from '../../src/kafka/admin.js';
import { openKafka, type KafkaConnection } from '../../src/kafka/connection.js';
import { PlainProducer } from '../../src/kafka/plain-producer.js';
import { readTopic } from '../../src/cli/topic-reader.js';
import { silentLog } from '../../src/observe/log.js';
import { topicNames } from '../../src/protocol/topics.js';
import type { OutgoingRecord } from '../../src/record.js';
import { SeededRandom } from '../../src/workload/random.js';
import { testTopicPrefix } from '../support/isolation.js';
import { testSchema } from '../support/postgres-schema.js';
import { testServers } from '../support/servers.js';
import { inorder, InorderProcess } from '../support/stage-process.js';
import { until } from '../support/until.js';

const LIMIT_MS = 180_000;
const ROOMY_WINDOW_MS = process.env['INORDER_TEST_WINDOW_MS'] ?? '10000';
const COUNT = 50_000;
const SENDERS = 200;
const SENDERS_PER_GROUP = 10;
const DUPLICATE_SHARE = 0.03;
const SENT_PER_MS = 5;
const PARTITIONS = 4;
const MAX_SENT_AT_ONCE = 1_000;

const schema = testSchema();
const prefix = testTopicPrefix();
const topics = topicNames(prefix);
let kafka: KafkaConnection;
let admin: KafkaAdmin;
let producer: PlainProducer;
let env: Record<string, string>;
let stages: InorderProcess | null = null;

beforeAll(async () => {
  const { brokers } = testServers();
  kafka = openKafka({ brokers, ssl: false, sasl: null, clientId: 'test' }, silentLog);
  admin = new KafkaAdmin(kafka);
  producer = new PlainProducer(kafka);
  env = {
    KAFKA_BROKERS: brokers.join(','),
    DATABASE_URL: schema.url,
    INORDER_TOPIC_PREFIX: prefix,
    INORDER_PARTITIONS: String(PARTITIONS),
  };
  await inorder(['topics'], env);
  await inorder(['migrate'], env);
}, LIMIT_MS);

afterAll(async () => {
  await stages?.stop();
  await producer.close();
  for (const stage of ['ingest', 'logic']) await admin.deleteGroup(`inorder.${prefix}.${stage}`);
  await admin.deleteTopics(Object.values(topics));
  await admin.close();
}, LIMIT_MS);

/** The stages, anew. */
async function run(changes: Readonly<Record<string, string>>): Promise<void> {
  await stages?.stop();
  stages = new InorderProcess(['run', 'ingest', 'logic'], { ...env, ...changes });
  await stages.printed(/lane taken over/, 60_000);
}

interface Arrival {
  readonly atMs: number;
  readonly record: OutgoingRecord;
}

/** Every message once, some twice, each copy delayed by up to `shuffleMs`; in the order in which they arrive. */
function arrivals(run: string, shuffleMs: number): Arrival[] {
  const random = new SeededRandom(7);
  const last = new Array<number>(SENDERS).fill(0);
  const all: Arrival[] = [];
  for (let i = 0; i < COUNT; i++) {
    const sender = random.between(0, SENDERS - 1);
    const prevSenderSeq = last[sender] ?? 0;
    const senderSeq = prevSenderSeq + random.between(1, 3); // it writes elsewhere too
    last[sender] = senderSeq;
    const senderId = `${run} ${sender}`;
    const sentMs = i / SENT_PER_MS;
    const envelope = {
      ...{ senderId, groupId: `${run} ${Math.floor(sender / SENDERS_PER_GROUP)}`, clientMsgId: String(i) },
      ...{ senderSeq, prevSenderSeq, senderEpoch: 1, sentAt: 1_764_000_000_000 + Math.floor(sentMs), body: i },
    };
    const record: OutgoingRecord = {
      topic: topics.ingest,
      partition: sender % PARTITIONS,
      key: Buffer.from(senderId),
      value: Buffer.from(JSON.stringify(envelope)),
      headers: {},
    };
    const copies = random.chance(DUPLICATE_SHARE) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) all.push({ atMs: sentMs + random.fraction() * shuffleMs, record });
  }
  return all.sort((a, b) => a.atMs - b.atMs);
}

/** @param speed how much faster than the senders' time it goes, at most. */
async function send(all: readonly Arrival[], speed: number): Promise<void> {
  const beganMs = performance.now();
  for (let from = 0; from < all.length;) {
    const elapsedMs = (performance.now() - beganMs) * speed;
    let to = from;
    while (to < all.length && to - from < MAX_SENT_AT_ONCE && (all[to]?.atMs ?? 0) <= elapsedMs) to += 1;
    if (to === from) await delay(5);
    else await producer.send(all.slice(from, to).map(({ record }) => record));
    from = to;
  }
}

interface Seen {
  count: number;
  late: number;
  /** Messages below an earlier one of their sender that don't say so. */
  inversions: number;
}

/** What a reader of the delivery topic sees of a run. */
async function read(run: string): Promise<Seen> {
  const seen: Seen = { count: 0, late: 0, inversions: 0 };
  const highest = new Map<string, number>();
  await readTopic({
    ...{ kafka, admin, topic: topics.delivery, purpose: `test.${prefix}`, from: 'beginning', until: 'end' },
    ...{ stop: new AbortController().signal, sessionTimeoutMs: 6_000, heartbeatIntervalMs: 500, log: silentLog },
    onRecord: ({ value }) => {
      const delivery = JSON.parse(String(value)) as { senderId: string; senderSeq: number; late?: true };
      if (!delivery.senderId.startsWith(`${run} `)) return 'more';
      seen.count += 1;
      if (delivery.late === true) seen.late += 1;
      else if (delivery.senderSeq <= (highest.get(delivery.senderId) ?? 0)) seen.inversions += 1;
      highest.set(delivery.senderId, Math.max(delivery.senderSeq, highest.get(delivery.senderId) ?? 0));
      return 'more';
    },
  });
  return seen;
}

async function counted(sql: string): Promise<number> {
  const { rows } = await schema.client.query<{ count: string }>(sql);
  return Number(rows[0]?.count);
}

async function stored(run: string): Promise<void> {
  const messages = `SELECT count(*) FROM message WHERE sender_id LIKE '${run} %'`;
  await until(`${COUNT} rows of ${run}`, async () => (await counted(messages)) >= COUNT, 90_000);
  await until('nothing held', async () => (await counted('SELECT count(*) FROM held_message')) === 0);
  await until('everything forwarded', async () => (await read(run)).count >= COUNT, 30_000);
}

test(
  'shuffled within 400 ms and 3 % doubled: every sender’s order is whole, and nothing is late',
  async () => {
    // Faster than the senders' time: 400 ms of it take 100, if the machine keeps up.
    await run({ INORDER_REORDER_WINDOW_MS: ROOMY_WINDOW_MS });
    await send(arrivals('near', 400), 4);
    await stored('near');
    expect(await read('near')).toEqual({ count: COUNT, late: 0, inversions: 0 });
  },
  LIMIT_MS,
);

test(
  'shuffled up to 2 s, far beyond the window: what is out of order says that it is late',
  async () => {
    await run({});
    await send(arrivals('far', 2_000), 1);
    await stored('far');
    const { count, late, inversions } = await read('far');
    expect({ count, inversions }).toEqual({ count: COUNT, inversions: 0 });
    expect(late).toBeGreaterThan(0);
    expect(await counted("SELECT count(*) FROM message WHERE late AND sender_id LIKE 'far %'")).toBe(late);
  },
  LIMIT_MS,
);
