import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { FAILPOINTS } from '../../src/failpoint.js';
import { KafkaAdmin } from '../../src/kafka/admin.js';
import { openKafka } from '../../src/kafka/connection.js';
import { silentLog } from '../../src/observe/log.js';
import { topicNames } from '../../src/protocol/topics.js';
import { testSchema } from '../support/postgres-schema.js';
import { testServers } from '../support/servers.js';
import { inorder, InorderProcess } from '../support/stage-process.js';
import { until } from '../support/until.js';

const schema = testSchema();
const prefix = `t${randomBytes(6).toString('hex')}`;
const NAMES = Object.keys(FAILPOINTS);
let admin: KafkaAdmin;
let env: Record<string, string>;

beforeAll(async () => {
  const { brokers } = testServers();
  admin = new KafkaAdmin(openKafka({ brokers, ssl: false, sasl: null, clientId: 'test' }, silentLog));
  env = {
    KAFKA_BROKERS: brokers.join(','),
    DATABASE_URL: schema.url,
    INORDER_TOPIC_PREFIX: prefix,
    INORDER_PARTITIONS: '2',
    // The group soon misses the member that is killed, and can be deleted.
    INORDER_SESSION_TIMEOUT_MS: '1500',
  };
  await inorder(['topics'], env);
  await inorder(['migrate'], env);
});

afterAll(async () => {
  for (const stage of ['ingest', 'logic', 'delivery']) {
    const deleted = (): Promise<boolean> => admin.deleteGroup(`inorder.${prefix}.${stage}`).then(() => true);
    await until(`the group of ${stage} without members`, () => deleted().catch(() => false), 15_000);
  }
  await admin.deleteTopics(Object.values(topicNames(prefix)));
  await admin.close();
});

test('a pipeline at work reaches every failpoint, and one that kills leaves no time for anything', async () => {
  // The failed store answer makes a takeover with something to emit again.
  const everyPoint = [...NAMES.map((name) => `${name}=delay:1`), 'logic.after_store=fail@2'].join(';');
  const pipeline = new InorderProcess(
    ['run', 'ingest', 'logic', 'delivery'],
    { ...env, INORDER_FAILPOINTS: everyPoint },
    { keep: 2_000_000 },
  );
  await inorder(['produce', '--count', '200', '--conversations', '20', '--seed', '1', '--json'], env);
  // It comes before its turn: it is held until the window ends, then released.
  const early = ['--from', 'ann', '--to', 'bob', '--text', 'b', '--sender-seq', '2', '--prev-sender-seq', '1'];
  await inorder(['produce', ...early], env);
  const missing = (): string[] => NAMES.filter((name) => !pipeline.stderr.includes(`"failpoint":"${name}"`));
  await until('every point hit', () => missing().length === 0, 30_000).catch(() => undefined);
  expect(missing()).toEqual([]);
  expect(await pipeline.stop()).toBe(0);

  const victim = new InorderProcess(['run', 'logic'], { ...env, INORDER_FAILPOINTS: 'takeover.between_fences=kill' });
  expect(await victim.exit).toEqual({ code: null, signal: 'SIGKILL' });
  expect(victim.stderr).toContain('"failpoint":"takeover.between_fences","action":"kill"');
}, 90_000);
