import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import kafkajs from 'kafkajs';
import { KafkaAdmin } from '../../src/kafka/admin.js';
import { openKafka } from '../../src/kafka/connection.js';
import { readTopic } from '../../src/cli/topic-reader.js';
import { silentLog } from '../../src/observe/log.js';
import { topicNames } from '../../src/protocol/topics.js';
import type { KafkaRecord } from '../../src/record.js';
import { testSchema } from '../support/postgres-schema.js';
import { testServers } from '../support/servers.js';
import { inorder, InorderProcess } from '../support/stage-process.js';
import { until } from '../support/until.js';

/** The commands as a person uses them, one after the other, on topics and tables of this file's own. */
const schema = testSchema();
const prefix = `t${randomBytes(6).toString('hex')}`;
const topics = topicNames(prefix);
const MAIN = resolve('dist/cli/main.js');
const LOAD = { count: 3_000, seed: 42 };
let admin: KafkaAdmin;
let dataDir: string;
let env: Record<string, string>;

beforeAll(() => {
  const { brokers } = testServers();
  dataDir = mkdtempSync(join(tmpdir(), 'inorder-cli-'));
  admin = new KafkaAdmin(openKafka({ brokers, ssl: false, sasl: null, clientId: 'test' }, silentLog));
  env = {
    KAFKA_BROKERS: brokers.join(','),
    DATABASE_URL: schema.url,
    INORDER_TOPIC_PREFIX: prefix,
    INORDER_DATA_DIR: dataDir,
    INORDER_HTTP_PORT: '0',
  };
});

afterAll(async () => {
  await Promise.all(['ingest', 'logic', 'delivery'].map((stage) => admin.deleteGroup(`inorder.${prefix}.${stage}`)));
  await admin.deleteTopics(Object.values(topics));
  await admin.close();
  rmSync(dataDir, { recursive: true });
});

interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(args: readonly string[], changes: Record<string, string> = {}, input?: string): Promise<Run> {
  const child = new InorderProcess(args, { ...env, ...changes }, { input });
  const { code } = await child.exit;
  return { code, stdout: child.stdout, stderr: child.stderr };
}

async function json<T>(args: readonly string[]): Promise<T> {
  return JSON.parse(await inorder([...args, '--json'], env)) as T;
}

/** All that a command printed, however much. */
async function linesOf(args: readonly string[]): Promise<string[]> {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  expect(code).toBe(0);
  return Buffer.concat(chunks).toString().trimEnd().split('\n');
}

async function recordsOf(topic: string): Promise<KafkaRecord[]> {
  const records: KafkaRecord[] = [];
  await readTopic({
    kafka: openKafka({ brokers: testServers().brokers, ssl: false, sasl: null, clientId: 'test' }, silentLog),
    ...{ admin, topic, purpose: `test.${prefix}`, from: 'beginning', until: 'end', log: silentLog },
    ...{ stop: new AbortController().signal, sessionTimeoutMs: 6_000, heartbeatIntervalMs: 500 },
    onRecord: (record) => {
      records.push(record);
      return 'more';
    },
  });
  return records;
}

describe('before anything is there', () => {
  test('tail and produce say which topic is missing and what creates it', async () => {
    for (const args of [['tail'], ['produce', '--from', 'a', '--to', 'b', '--text', 'x']]) {
      const { code, stderr } = await run(args);
      expect(code).toBe(1);
      expect(stderr).toMatch(/^error: Kafka has no topic .*`inorder topics` creates it$/m);
    }
  });

  test('run waits for topics and tables, and in the end says what is missing as its last line', async () => {
    const { code, stderr } = await run(['run', 'logic', '--wait', '1']);
    expect(code).toBe(1);
    expect(stderr).toContain('waiting');
    expect(stderr.trimEnd().split('\n').at(-1)).toMatch(/^error: .*migrat/);
  });
});

describe('topics and tables', () => {
  test('migrate brings the tables, once', async () => {
    expect((await json<{ applied: string[] }>(['migrate'])).applied.length).toBeGreaterThan(0);
    expect(await json(['migrate'])).toEqual({ applied: [] });
    expect(await inorder(['migrate'], env)).toContain('nothing to do');
  });

  test('topics creates what is missing, once, with the partitions that were asked for', async () => {
    const first = await run(['topics', '--json'], { INORDER_PARTITIONS: '3' });
    const states = JSON.parse(first.stdout) as { name: string; partitions: number; created: boolean }[];
    expect(states.map(({ name, partitions, created }) => [name, partitions, created])).toEqual(
      [topics.ingest, topics.logic, topics.delivery, topics.dlq].map((name) => [name, 3, true]),
    );
    const second = await json<{ partitions: number; created: boolean }[]>(['topics']);
    expect(second.every(({ partitions, created }) => partitions === 3 && !created)).toBe(true);
    expect(await inorder(['topics'], env)).toMatch(new RegExp(`^${topics.ingest} +3 +7 days .*there$`, 'm'));
  });

  test('another number of partitions than there is, is refused and told how to mend', async () => {
    const { code, stderr } = await run(['topics'], { INORDER_PARTITIONS: '5' });
    expect(code).toBe(1);
    expect(stderr).toContain('Set INORDER_PARTITIONS=3');
  });
});

describe('produce', () => {
  test('one message is acknowledged with its conversation and place', async () => {
    const args = [
      'produce',
      '--from',
      'bob',
      '--to',
      'alice',
      '--body',
      '{"n": 9007199254740993}',
      '--client-msg-id',
      'c-1',
    ];
    const said = await json<Record<string, unknown>>(args);
    expect(said).toMatchObject({
      acknowledged: 1,
      topic: topics.ingest,
      conversationId: 'single:alice:bob',
      clientMsgId: 'c-1',
    });
    const [record] = await recordsOf(topics.ingest);
    expect(record).toMatchObject({ partition: said['partition'] });
    expect(record?.key?.toString()).toBe('single:alice:bob');
    expect(record?.value?.toString()).toContain('"body":{"n": 9007199254740993}');
  });

  test('a message that is none is refused with what is wrong, before it is sent', async () => {
    const { code, stderr } = await run(['produce', '--from', 'a', '--to', '', '--text', 'x']);
    expect(code).toBe(2);
    expect(stderr).toContain('receiverId');
  });

  test('lines are sent byte for byte; bad ones are named and held back, or sent when forced', async () => {
    const good = '{ "senderId":"a" ,"groupId":"g","clientMsgId":"1","sentAt":1,"body":"x"}\r';
    const input = `${good}\n\nnot json\n{"senderId":"a"}\n`;
    const before = await recordsOf(topics.ingest);
    const { code, stdout, stderr } = await run(['produce', '-'], {}, input);
    expect(code).toBe(1);
    expect(stdout).toBe('acknowledged: 1\n');
    expect(stderr).toMatch(/^line 3: .*\(not_json\)$/m);
    expect(stderr).toMatch(/^line 4: .*\(missing_field\)$/m);
    expect(await inorder(['produce', '--force'], env, input)).toBe('acknowledged: 3\n');
    const sent = (await recordsOf(topics.ingest)).slice(before.length);
    const values = (await recordsOf(topics.ingest)).map(({ value }) => value?.toString());
    expect(sent).toHaveLength(4);
    expect(values.filter((value) => value === good)).toHaveLength(2);
    expect(values.filter((value) => value === 'not json')).toHaveLength(1);
  });
});

interface Summary {
  acknowledged: number;
  expected: { messages: number; duplicates: number; deadLetters: number; deadLettersByReason: Record<string, number> };
}

describe('a load, through all stages', () => {
  let load: Summary;
  let stages: InorderProcess;

  beforeAll(async () => {
    const { count, seed } = LOAD;
    load = await json<Summary>([
      'produce',
      '--count',
      `${count}`,
      '--seed',
      `${seed}`,
      '--duplicates',
      '5%',
      '--bad',
      '3%',
    ]);
    stages = new InorderProcess(['run', 'ingest', 'logic', 'delivery'], env);
    await stages.printed(/"event":"ready"/);
    // The one message, the line that was sent twice, and two forced bad lines came before.
    const expected = { messages: load.expected.messages + 2, deadLetters: load.expected.deadLetters + 2 };
    await until('everything to come out', async () => {
      const { rows } = await schema.client.query<{ count: string }>('SELECT count(*) FROM message');
      return Number(rows[0]?.count) === expected.messages && (await lettersAt()) >= expected.deadLetters;
    });
  }, 60_000);

  async function lettersAt(): Promise<number> {
    return (await recordsOf(topics.dlq)).length;
  }

  test('is acknowledged and counted', () => {
    const { messages, duplicates, deadLetters } = load.expected;
    expect(load.acknowledged).toBe(LOAD.count);
    expect(messages + duplicates + deadLetters).toBe(LOAD.count);
  });

  test('tail shows every message once, in dense order, exactly as the record has it', async () => {
    const count = load.expected.messages + 2;
    const lines = await linesOf(['tail', '--from-beginning', '--json', '--count', `${count}`]);
    expect(lines).toHaveLength(count);
    const values = new Set((await recordsOf(topics.delivery)).map(({ value }) => value?.toString()));
    expect(lines.every((line) => values.has(line))).toBe(true);
    const heads = new Map<string, number>();
    for (const line of lines) {
      const { conversationId, seq } = JSON.parse(line) as { conversationId: string; seq: number };
      expect(seq).toBe((heads.get(conversationId) ?? 0) + 1);
      heads.set(conversationId, seq);
    }
  });

  test('tail and history of one conversation agree', async () => {
    const tail = await inorder(['tail', '--between', 'alice,bob', '--from-beginning', '--count', '1', '--json'], env);
    expect(await inorder(['history', 'single:alice:bob', '--json'], env)).toBe(tail);
    expect(tail).toContain('"body":{"n": 9007199254740993}');
    expect(await inorder(['history', '--between', 'alice,bob'], env)).toMatch(
      /single:alice:bob +1 +bob +\{"n": 9007199254740993\}/,
    );
  });

  test('dlq list accounts for every broken record, by reason', async () => {
    const lines = await linesOf(['dlq', 'list', '--json', '--limit', '100000']);
    const counts: Record<string, number> = { not_json: -1, missing_field: -1 }; // the two forced lines
    for (const line of lines) {
      const { reason } = JSON.parse(line) as { reason: string };
      counts[reason] = (counts[reason] ?? 0) + 1;
    }
    expect(counts).toEqual(load.expected.deadLettersByReason);
    const only = await inorder(['dlq', 'list', '--reason', 'nul_character'], env);
    expect(only).toMatch(new RegExp(`^nul_character +${load.expected.deadLettersByReason['nul_character']}$`, 'm'));
  });

  test('a dead letter is shown whole, and replayed as the record it was', async () => {
    const [letter] = (await inorder(['dlq', 'list', '--json', '--reason', 'not_utf8', '--limit', '1'], env))
      .trimEnd()
      .split('\n');
    const { at, place } = JSON.parse(letter ?? '') as { at: string; place: string };
    const shown = await json<{ place: string; value: { base64: string; text?: string } }>(['dlq', 'show', at]);
    expect(shown.place).toBe(place);
    expect(shown.value.text).toBeUndefined();
    expect(await inorder(['dlq', 'show', '--place', place], env)).toMatch(/^reason +not_utf8: /m);

    const dry = await run(['dlq', 'replay', at]);
    expect([dry.code, dry.stdout]).toEqual([2, 'would be sent again: 1\n']);
    const before = await recordsOf(topics.ingest);
    expect(await json(['dlq', 'replay', at, '--yes'])).toMatchObject({ chosen: 1, replayed: 1 });
    const bytes = Buffer.from(shown.value.base64, 'base64');
    const copies = (records: KafkaRecord[]): number => records.filter(({ value }) => value?.equals(bytes)).length;
    expect(copies(await recordsOf(topics.ingest))).toBe(copies(before) + 1);
  });

  test("npm's double SIGINT is one, however late its second half comes: the stages drain and exit 0", async () => {
    stages.onLogLine((line) => {
      if (line.includes('"event":"stopped"')) stages.signal('SIGINT');
    });
    stages.signal('SIGINT');
    stages.signal('SIGINT');
    expect((await stages.exit).code).toBe(0);
    expect(stages.stderr).toContain('"event":"stopped"');
  });
});

describe('tail, live', () => {
  test('Ctrl-C ends it with exit code 0, and a reader that goes away is no failure', async () => {
    const tail = new InorderProcess(['tail'], env);
    await tail.printed(/conversation/);
    tail.signal('SIGINT');
    expect((await tail.exit).code).toBe(0);

    const piped = spawn(process.execPath, [MAIN, 'tail', '--from-beginning', '--json'], {
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stderr = '';
    piped.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    await once(piped.stdout, 'data');
    piped.stdout.destroy();
    const [code] = (await once(piped, 'exit')) as [number | null];
    expect([code, stderr]).toEqual([0, '']);
  });

  test('leaves no consumer group behind', async () => {
    const kafka = new kafkajs.Kafka({ brokers: testServers().brokers, logLevel: kafkajs.logLevel.NOTHING });
    const client = kafka.admin();
    await client.connect();
    const { groups } = await client.listGroups();
    await client.disconnect();
    expect(groups.map(({ groupId }) => groupId).filter((id) => id.startsWith(`inorder.test.${prefix}`))).toEqual([]);
  });
});

test('Ctrl-C ends a bench as a shell would say it, and nobody calls that a bug', async () => {
  const bench = new InorderProcess(['bench', '--messages', '300000'], env);
  await bench.printed(/ceiling/);
  bench.signal('SIGINT');
  expect((await bench.exit).code).toBe(130);
  expect(bench.stderr).toContain('stopped');
  expect(bench.stderr).not.toContain('bug');
});
