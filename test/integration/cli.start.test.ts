import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readStack, stackPath } from '../../src/config/stack-file.js';
import { KafkaAdmin } from '../../src/kafka/admin.js';
import { openKafka } from '../../src/kafka/connection.js';
import { silentLog } from '../../src/observe/log.js';
import { topicNames } from '../../src/protocol/topics.js';
import { testSchema } from '../support/postgres-schema.js';
import { testServers } from '../support/servers.js';
import { inorder, InorderProcess } from '../support/stage-process.js';

/** `start` on given servers; that it brings up its own is the embedded servers' test. */
const schema = testSchema();
const prefix = `t${randomBytes(6).toString('hex')}`;
let dataDir: string;
let given: Record<string, string>;

beforeAll(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'inorder-start-'));
  given = {
    KAFKA_BROKERS: testServers().brokers.join(','),
    DATABASE_URL: schema.url,
    INORDER_PARTITIONS: '2',
    ...elsewhere(),
  };
});

/** A terminal that knows the folder only. */
function elsewhere(): Record<string, string> {
  return { INORDER_DATA_DIR: dataDir, INORDER_TOPIC_PREFIX: prefix };
}

afterAll(async () => {
  const { brokers } = testServers();
  const admin = new KafkaAdmin(openKafka({ brokers, ssl: false, sasl: null, clientId: 'test' }, silentLog));
  await Promise.all(['ingest', 'logic', 'delivery'].map((stage) => admin.deleteGroup(`inorder.${prefix}.${stage}`)));
  await admin.deleteTopics(Object.values(topicNames(prefix)));
  await admin.close();
  rmSync(dataDir, { recursive: true });
});

describe('start', () => {
  test('prepares everything, says when it is ready, is found by other commands, and stops without a trace', async () => {
    const stack = new InorderProcess(['start'], given);
    await stack.printed(/Ctrl-C drains and stops/, 60_000);
    expect(stack.stderr).toMatch(/^✔ topics: created .*2 partitions/m);
    expect(stack.stderr).toMatch(/^✔ tables: applied /m);
    expect(stack.stderr).toMatch(/^✔ stages: ingest, logic, delivery/m);
    expect(stack.stdout).not.toContain(new URL(schema.url).password + '@');

    const found = readStack(dataDir);
    if (found.kind !== 'running') throw new Error(`the stack is ${found.kind}`);
    expect(found.stack).toMatchObject({ databaseUrl: schema.url, pids: { inorder: stack.pid } });
    const ready = await fetch(`${found.stack.httpUrl}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([200, { ready: true, reasons: [] }]);
    expect(await (await fetch(`${found.stack.httpUrl}/metrics`)).text()).toContain('inorder_logic_lanes 2');

    await inorder(['produce', '--from', 'alice', '--to', 'bob', '--text', 'hello'], elsewhere());
    const shown = await inorder(['tail', '--from-beginning', '--count', '1'], elsewhere());
    expect(shown).toMatch(/single:alice:bob +1 +alice +hello$/m);

    const second = new InorderProcess(['start'], given);
    expect((await second.exit).code).toBe(1);
    expect(second.stderr).toContain(`already (process ${stack.pid}`);
    expect(existsSync(stackPath(dataDir))).toBe(true);

    expect(await stack.stop()).toBe(0);
    expect(existsSync(stackPath(dataDir))).toBe(false);
  }, 90_000);

  test('a second time it finds topics and tables there, and --json is for machines', async () => {
    const stack = new InorderProcess(['start', '--json'], given);
    await stack.printed(/"httpUrl".*\n/, 60_000);
    const ready = stack.stdout.split('\n').find((line) => line.includes('"httpUrl"')) ?? '';
    expect(JSON.parse(ready)).toMatchObject({ brokers: testServers().brokers, pids: { inorder: stack.pid } });
    expect(stack.stderr).toMatch(/^✔ topics: there, 2 partitions/m);
    expect(stack.stderr).toMatch(/^✔ tables: those of this version/m);
    expect(await stack.stop()).toBe(0);
  }, 90_000);

  test('an http port that is taken by somebody else is refused by its name, and nothing stays behind', async () => {
    const taken = createServer().listen({ port: 0, host: '0.0.0.0' });
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const stack = new InorderProcess(['start'], { ...given, INORDER_HTTP_PORT: String(port) });
    expect((await stack.exit).code).toBe(2);
    expect(stack.stderr.trimEnd()).toMatch(new RegExp(`error: INORDER_HTTP_PORT is ${port}, but that port is taken$`));
    taken.close();
    expect(existsSync(stackPath(dataDir))).toBe(false);
  }, 90_000);
});
