import { afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import { migrate } from '../../src/postgres/migrate.js';
import type { Database } from '../../src/postgres/database.js';
import { storePlan } from '../../src/postgres/store-plan.js';
import { takeLane } from '../../src/postgres/take-lane.js';
import { silentLog } from '../../src/observe/log.js';
import { parseDeadLetter } from '../../src/protocol/dead-letter.js';
import { deliveryHeaders, deliveryKey, renderDelivery } from '../../src/protocol/delivery.js';
import type { ConversationId, LaneEpoch, MsgId, Seq } from '../../src/protocol/ids.js';
import type { StampedMessage } from '../../src/protocol/message.js';
import type { OutgoingRecord } from '../../src/record.js';
import { DeliveryConsumer, type DeliveryConsumerOptions } from '../../src/stages/delivery/delivery-consumer.js';
import { postgresHistory } from '../../src/stages/delivery/postgres-history.js';
import { pipelineTopics, type PipelineTopics } from '../support/pipeline-topics.js';
import { testSchema } from '../support/postgres-schema.js';
import { planOf, stampedMessage } from '../support/stamped.js';
import { until } from '../support/until.js';

jest.setTimeout(60_000);

const newTopics = pipelineTopics();
const schema = testSchema();
let database: Database;
let nextLane = 0;
const consumers: DeliveryConsumer[] = [];

beforeAll(async () => {
  database = schema.open();
  await migrate(database, silentLog);
});

afterEach(async () => {
  await Promise.all(consumers.splice(0).map((consumer) => consumer.stop(1_000)));
});

/** What a handler saw, as `conversation/seq`, in the order in which its calls ended. */
type Seen = string[];

async function consume(on: PipelineTopics, options: Partial<DeliveryConsumerOptions> = {}) {
  const seen: Seen = [];
  const consumer = new DeliveryConsumer({
    kafka: on.options,
    topicPrefix: on.prefix,
    groupId: on.groupId,
    history: postgresHistory(database),
    retry: { attempts: 2, initialBackoffMs: 5 },
    heartbeatIntervalMs: 200,
    ...options,
    handler: async (delivery, context) => {
      await options.handler?.(delivery, context);
      seen.push(`${delivery.conversationId}/${delivery.seq}`);
    },
  });
  consumers.push(consumer);
  await consumer.start();
  return { consumer, seen };
}

/** Stores messages 1 to `count` of a conversation, as a lane would; their places are in partition 5, from 100 on. */
async function store(conversationId: string, count: number): Promise<StampedMessage[]> {
  const partition = nextLane++;
  const { laneEpoch } = await takeLane(database, { partition, owner: 'test' });
  const messages = Array.from({ length: count }, (_, i) =>
    stampedMessage({
      conversationId: conversationId as ConversationId,
      groupId: conversationId.slice('group:'.length),
      seq: (i + 1) as Seq,
      msgId: BigInt(partition * 1_000 + i + 1) as MsgId,
      place: { partition: 5, offset: 100 + i + 1 },
    }),
  );
  const stored = await storePlan(database, { partition, laneEpoch, plan: planOf(messages, 0, count) });
  expect(stored.kind).toBe('stored');
  return messages;
}

function delivered(on: PipelineTopics, message: StampedMessage | undefined, partition = 0): OutgoingRecord {
  if (message === undefined) throw new Error('no such message');
  return {
    topic: on.topics.delivery,
    partition,
    key: deliveryKey(message),
    value: renderDelivery(message),
    headers: deliveryHeaders(message, 1 as LaneEpoch),
  };
}

/** The records that bring these seqs, in this order. */
function bringing(on: PipelineTopics, messages: readonly StampedMessage[], seqs: readonly number[], partition = 0) {
  return seqs.map((seq) => delivered(on, messages[seq - 1], partition));
}

function upTo(conversationId: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${conversationId}/${i + 1}`);
}

const of = (seen: Seen, conversationId: string): string[] => seen.filter((one) => one.startsWith(`${conversationId}/`));

test('repeated records are dropped, what the topic left out comes from PostgreSQL, and each conversation is in order', async () => {
  const on = await newTopics(2);
  const a = await store('group:a', 12);
  const b = await store('group:b', 5);
  await on.produce([
    ...bringing(on, a, [1, 2, 2, 5, 3, 4, 6]),
    ...bringing(on, b, [1, 2, 3], 1),
    ...bringing(on, a, [1, 12, 11]),
    ...bringing(on, b, [5], 1),
  ]);
  const { consumer, seen } = await consume(on);
  await until('everything is committed', async () => (await on.lagOf(on.topics.delivery)) === 0);
  expect(of(seen, 'group:a')).toEqual(upTo('group:a', 12));
  expect(of(seen, 'group:b')).toEqual(upTo('group:b', 5));
  expect(consumer.health()).toEqual({ ready: true, reasons: [] });
  expect(await on.readAll(on.topics.dlq)).toEqual([]);
});

test('a message whose handler keeps failing becomes a dead letter that names its place in ingest; the rest goes on', async () => {
  const on = await newTopics(2);
  const a = await store('group:failing', 4);
  const b = await store('group:well', 4);
  await on.produce([...bringing(on, a, [1, 2, 4]), ...bringing(on, b, [1, 2, 3, 4])]);
  const attempts: number[] = [];
  const { seen } = await consume(on, {
    handler: async ({ conversationId, seq }, { attempt }) => {
      if (conversationId !== 'group:failing' || (seq !== 2 && seq !== 3)) return;
      attempts.push(attempt);
      await Promise.reject(new Error(`planted at ${seq}`));
    },
  });
  await until('everything is committed', async () => (await on.lagOf(on.topics.delivery)) === 0);
  expect(attempts).toEqual([1, 2, 1, 2]);
  expect(of(seen, 'group:failing')).toEqual(['group:failing/1', 'group:failing/4']);
  expect(of(seen, 'group:well')).toEqual(upTo('group:well', 4));
  const letters = (await on.readAll(on.topics.dlq)).map((letter) => parseDeadLetter(letter));
  // 2 was delivered, 3 was repaired from history: to who finds the dead letter they look the same.
  expect(letters.map((letter) => letter?.place)).toEqual([2, 3].map((seq) => ({ partition: 5, offset: 100 + seq })));
  for (const [i, letter] of letters.entries()) {
    expect(letter).toMatchObject({ reason: 'handler_failed', topic: on.topics.ingest });
    expect(letter?.detail).toBe(`the handler failed 2 times: planted at ${i + 2}`);
    expect(letter?.record).toMatchObject({ key: Buffer.from('group:failing'), value: renderDelivery(a[i + 1]!) });
  }
});

test('without history a dead letter names the place in delivery, and a gap is a failure, told and passed', async () => {
  const on = await newTopics(2);
  const a = await store('group:nohistory', 6);
  await on.produce(bringing(on, a, [1, 2, 5, 6]));
  const consumer = new DeliveryConsumer({
    kafka: on.options,
    topicPrefix: on.prefix,
    groupId: on.groupId,
    retry: { attempts: 1 },
    handler: ({ seq }) => (seq === 2 ? Promise.reject(new Error('planted')) : Promise.resolve()),
  });
  consumers.push(consumer);
  await consumer.start();
  await until('everything is committed', async () => (await on.lagOf(on.topics.delivery)) === 0);
  const letters = (await on.readAll(on.topics.dlq)).map((letter) => parseDeadLetter(letter));
  expect(letters.map((letter) => [letter?.topic, letter?.place.offset, letter?.detail])).toEqual([
    [on.topics.delivery, 1, 'the handler failed 1 times: planted'],
    [on.topics.delivery, 2, 'messages 3 to 4 are missing before it: there is no history to read them from'],
  ]);
});

test('a halted conversation holds back its offset, not the others, and is handled again after a restart', async () => {
  const on = await newTopics(2);
  const a = await store('group:halts', 3);
  const b = await store('group:goes', 3);
  await on.produce([
    ...bringing(on, b, [1]),
    ...bringing(on, a, [1, 2]),
    ...bringing(on, b, [2, 3]),
    ...bringing(on, a, [3]),
  ]);
  const { consumer, seen } = await consume(on, {
    onFailure: 'halt-conversation',
    handler: ({ conversationId, seq }) =>
      conversationId === 'group:halts' && seq === 2 ? Promise.reject(new Error('planted')) : Promise.resolve(),
  });
  await until('the conversation is halted', () => !consumer.health().ready);
  await until('the other has gone on', () => of(seen, 'group:goes').length === 3);
  expect(consumer.health().reasons).toEqual([
    'delivery: conversation group:halts halted at seq 2: the handler failed 2 times: planted',
  ]);
  await consumer.stop();
  expect(seen).not.toContain('group:halts/3');
  expect(await on.admin.committed(on.groupId, on.topics.delivery, 0)).toMatchObject({ nextOffset: 2 });

  const again = await consume(on);
  await until('everything is committed', async () => (await on.lagOf(on.topics.delivery)) === 0);
  expect(of(again.seen, 'group:halts')).toEqual(['group:halts/2', 'group:halts/3']);
  expect(of(again.seen, 'group:goes')).toEqual(['group:goes/2', 'group:goes/3']);
});

test('an offset is committed only when its handler and all before it have ended; a restart sees the unfinished again', async () => {
  const on = await newTopics(1);
  const a = await store('group:slow', 3);
  const b = await store('group:quick', 40);
  await on.produce([...bringing(on, b, [1, 2]), ...bringing(on, a, [1]), ...bringing(on, b, [3, 4])]);
  let aborted = false;
  const { consumer, seen } = await consume(on, {
    handler: async ({ conversationId }, { signal }) => {
      if (conversationId !== 'group:slow') return;
      await new Promise<void>((_, reject) => {
        signal.addEventListener('abort', () => {
          aborted = true;
          reject(new Error('told to end'));
        });
      });
    },
  });
  await until('the quick ones are handled', () => seen.length === 4);
  const committed = await until('the two before the slow one are committed', async () => {
    const found = await on.admin.committed(on.groupId, on.topics.delivery, 0);
    return found !== null && found.nextOffset >= 2 ? found : null;
  });
  expect(committed.nextOffset).toBe(2);
  await consumer.stop(1_000);
  expect(aborted).toBe(true);
  expect(await on.admin.committed(on.groupId, on.topics.delivery, 0)).toMatchObject({ nextOffset: 2 });

  const again = await consume(on);
  await until('everything is committed', async () => (await on.lagOf(on.topics.delivery)) === 0);
  expect(again.seen.toSorted()).toEqual(['group:quick/3', 'group:quick/4', 'group:slow/1']);
});

test("a stop lets running handlers end, and commits them: a restart doesn't see them again", async () => {
  const on = await newTopics(1);
  const a = await store('group:ends', 2);
  await on.produce(bringing(on, a, [1]));
  let running: { end: () => void } | null = null;
  const { consumer, seen } = await consume(on, {
    handler: () =>
      new Promise<void>((resolve) => {
        running = { end: resolve };
      }),
  });
  const { end } = await until('the handler runs', () => running);
  const stopped = consumer.stop(5_000);
  end();
  await stopped;
  expect(seen).toEqual(['group:ends/1']);
  expect(await on.admin.committed(on.groupId, on.topics.delivery, 0)).toMatchObject({ nextOffset: 1 });
});

test('what somebody else wrote to the topic becomes a dead letter, and the partition goes on', async () => {
  const on = await newTopics(1);
  const a = await store('group:foreign', 2);
  const foreign = { topic: on.topics.delivery, partition: 0, headers: {} };
  await on.produce([
    ...bringing(on, a, [1]),
    { ...foreign, key: null, value: Buffer.from('hello') },
    { ...foreign, key: Buffer.from('group:foreign'), value: null },
    ...bringing(on, a, [2]),
  ]);
  const { seen } = await consume(on);
  await until('everything is committed', async () => (await on.lagOf(on.topics.delivery)) === 0);
  expect(seen).toEqual(upTo('group:foreign', 2));
  const letters = (await on.readAll(on.topics.dlq)).map((letter) => parseDeadLetter(letter));
  expect(letters.map((letter) => [letter?.reason, letter?.topic, letter?.place.offset])).toEqual([
    ['invalid_delivery_record', on.topics.delivery, 1],
    ['invalid_delivery_record', on.topics.delivery, 2],
  ]);
});

test('a group that wants only what is to come begins at the end, once, and loses nothing while it is away', async () => {
  const on = await newTopics(1);
  const a = await store('group:new', 6);
  await on.produce(bringing(on, a, [1, 2]));
  const first = await consume(on, { fromBeginning: false });
  await until('the start is committed', async () => (await on.lagOf(on.topics.delivery)) === 0);
  await on.produce(bringing(on, a, [3]));
  await until('the new one is handled', () => first.seen.length === 1);
  await first.consumer.stop();
  await on.produce(bringing(on, a, [4, 5]));
  const second = await consume(on, { fromBeginning: false });
  await until('what came meanwhile is handled', () => second.seen.length === 2);
  expect([...first.seen, ...second.seen]).toEqual(['group:new/3', 'group:new/4', 'group:new/5']);
});

test('two consumers share the conversations, one joins late and one leaves: each is handled in order and none is left out', async () => {
  const on = await newTopics(4);
  const names = Array.from({ length: 8 }, (_, i) => `group:shared${i}`);
  const all = await Promise.all(names.map((name) => store(name, 200)));
  const produce = async (from: number, to: number): Promise<void> => {
    for (let seq = from; seq <= to; seq++) await on.produce(all.flatMap((list, i) => bringing(on, list, [seq], i % 4)));
  };
  const first = await consume(on);
  const producing = produce(1, 200);
  const second = await consume(on);
  await until('the second handles some too', () => second.seen.length > 50);
  await first.consumer.stop();
  await producing;
  await until('everything is committed', async () => (await on.lagOf(on.topics.delivery)) === 0, 30_000);
  for (const name of names) {
    const seenOf = [...of(first.seen, name), ...of(second.seen, name)];
    expect(new Set(seenOf)).toEqual(new Set(upTo(name, 200)));
    for (const { seen } of [first, second]) {
      const seqs = of(seen, name).map((one) => Number(one.slice(name.length + 1)));
      // A new assignment may begin further back or, past what the other one handled, further on; else one by one.
      const breaks = seqs.filter((seq, i) => i > 0 && seq !== (seqs[i - 1] ?? 0) + 1);
      expect(breaks.length).toBeLessThanOrEqual(2);
    }
  }
});

test('a missing topic is named at the start, and nothing is left open', async () => {
  const on = await newTopics(1);
  const consumer = new DeliveryConsumer({
    kafka: on.options,
    topicPrefix: `${on.prefix}x`,
    groupId: on.groupId,
    handler: () => Promise.resolve(),
  });
  await expect(consumer.start()).rejects.toMatchObject({
    code: 'topic_mismatch',
    message: expect.stringContaining(`${on.prefix}x.delivery`),
  });
});
