/**
 * What the network does to numbered messages, and what readers see of it: 200 senders, shuffled and doubled on their
 * way to the ingest topic. Both runs go through the stages as processes, on real servers, with the settings that ship.
 *
 * Nothing may be late that came in time, and the brokers' times in `im.logic` say what did. On a machine that does
 * nothing else that is everything shuffled within the window; what a pause of the ingest stage holds back for longer
 * than the window is not the lane's to mend.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { KafkaAdmin } from '../../src/kafka/admin.js';
import { openKafka, type KafkaConnection } from '../../src/kafka/connection.js';
import { PlainProducer } from '../../src/kafka/plain-producer.js';
import { readTopic } from '../../src/cli/topic-reader.js';
import { silentLog } from '../../src/observe/log.js';
import { decodeLogicRecord } from '../../src/protocol/logic-record.js';
import { topicNames } from '../../src/protocol/topics.js';
import type { OutgoingRecord } from '../../src/record.js';
import { SeededRandom } from '../../src/workload/random.js';
import { testTopicPrefix } from '../support/isolation.js';
import { testSchema } from '../support/postgres-schema.js';
import { testServers } from '../support/servers.js';
import { inorder, InorderProcess } from '../support/stage-process.js';
import { until } from '../support/until.js';

const LIMIT_MS = 180_000;
/** As shipped. */
const WINDOW_MS = 500;
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
async function run(): Promise<void> {
  await stages?.stop();
  stages = new InorderProcess(['run', 'ingest', 'logic'], env);
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

async function send(all: readonly Arrival[]): Promise<void> {
  const beganMs = performance.now();
  for (let from = 0; from < all.length;) {
    const elapsedMs = performance.now() - beganMs;
    let to = from;
    while (to < all.length && to - from < MAX_SENT_AT_ONCE && (all[to]?.atMs ?? 0) <= elapsedMs) to += 1;
    if (to === from) await delay(2);
    else await producer.send(all.slice(from, to).map(({ record }) => record));
    from = to;
  }
}

interface Seen {
  count: number;
  /** Which messages: sender and number. */
  readonly late: Set<string>;
  /** Messages below an earlier one of their sender that don't say so. */
  inversions: number;
}

const toTheEnd = () => ({
  ...({ kafka, admin, purpose: `test.${prefix}`, from: 'beginning', until: 'end' } as const),
  ...{ stop: new AbortController().signal, sessionTimeoutMs: 6_000, heartbeatIntervalMs: 500, log: silentLog },
});

/** What a reader of the delivery topic sees of a run. */
async function read(run: string): Promise<Seen> {
  const seen: Seen = { count: 0, late: new Set(), inversions: 0 };
  const highest = new Map<string, number>();
  await readTopic({
    ...toTheEnd(),
    topic: topics.delivery,
    onRecord: ({ value }) => {
      const delivery = JSON.parse(String(value)) as { senderId: string; senderSeq: number; late?: true };
      if (!delivery.senderId.startsWith(`${run} `)) return 'more';
      seen.count += 1;
      if (delivery.late === true) seen.late.add(`${delivery.senderId} ${delivery.senderSeq}`);
      else if (delivery.senderSeq <= (highest.get(delivery.senderId) ?? 0)) seen.inversions += 1;
      highest.set(delivery.senderId, Math.max(delivery.senderSeq, highest.get(delivery.senderId) ?? 0));
      return 'more';
    },
  });
  return seen;
}

interface Reached {
  /** Times at which the brokers had it: in `im.ingest`, and in `im.logic`. */
  readonly receivedAt: number;
  readonly forwardedAt: number;
  readonly senderSeq: number;
}

/**
 * Which messages of a run came too late, if any: a later one of their sender lay before them in `im.logic`, and more
 * than the window passed between the two, in either topic.
 */
async function beyondWindow(run: string): Promise<Set<string>> {
  const found = new Set<string>();
  const bySender = new Map<string, Reached[]>();
  await readTopic({
    ...toTheEnd(),
    topic: topics.logic,
    onRecord: (record) => {
      const read = decodeLogicRecord(record);
      if (!read.ok) throw new Error(read.detail);
      const { senderId, senderSeq, receivedAt } = read.incoming;
      if (senderSeq === null || !senderId.startsWith(`${run} `)) return 'more';
      const before = bySender.get(senderId) ?? [];
      bySender.set(senderId, before);
      if (before.some((one) => one.senderSeq === senderSeq)) return 'more'; // a copy
      const forwardedAt = record.timestampMs;
      const overtaking = before.filter((one) => one.senderSeq > senderSeq);
      const isBeyond = overtaking.some(
        (one) => receivedAt - one.receivedAt > WINDOW_MS || forwardedAt - one.forwardedAt > WINDOW_MS,
      );
      if (isBeyond) found.add(`${senderId} ${senderSeq}`);
      before.push({ receivedAt, forwardedAt, senderSeq });
      return 'more';
    },
  });
  return found;
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
  'shuffled within 400 ms and 3 % doubled: every sender’s order is whole, and nothing that came in time is late',
  async () => {
    await run();
    await send(arrivals('near', 400));
    await stored('near');
    const { count, late, inversions } = await read('near');
    expect({ count, inversions }).toEqual({ count: COUNT, inversions: 0 });
    const beyond = await beyondWindow('near');
    expect([...late].filter((one) => !beyond.has(one))).toEqual([]);
  },
  LIMIT_MS,
);

test(
  'shuffled up to 2 s, far beyond the window: what is out of order says that it is late',
  async () => {
    await run();
    await send(arrivals('far', 2_000));
    await stored('far');
    const { count, late, inversions } = await read('far');
    expect({ count, inversions }).toEqual({ count: COUNT, inversions: 0 });
    expect(late.size).toBeGreaterThan(0);
    expect(await counted("SELECT count(*) FROM message WHERE late AND sender_id LIKE 'far %'")).toBe(late.size);
    const beyond = await beyondWindow('far');
    expect([...late].filter((one) => !beyond.has(one))).toEqual([]);
  },
  LIMIT_MS,
);
