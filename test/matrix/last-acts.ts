/** What ends the pipeline and so comes last: it must halt or refuse, and say why, rather than go on. */
import kafkajs from 'kafkajs';
import pg from 'pg';
import { countRows } from '../support/compare.js';
import { InorderProcess } from '../support/stage-process.js';
import { until } from '../support/until.js';
import type { LastAct } from './schedule.js';
import type { Stand } from './stand.js';

const SOME_MESSAGES = 400;
const DATABASE = 'inorder';
const OLDER = 'inorder_older';

/** @returns what went wrong, in words; null where it ended as it must. */
export const PERFORM_LAST_ACT: Record<LastAct, (stand: Stand) => Promise<string | null>> = {
  restore: restoreOlderDatabase,
  partitions: changePartitionCount,
};

async function restoreOlderDatabase(stand: Stand): Promise<string | null> {
  const entry = stand.timeline.fault('restore', 'the database is put back to before the last messages');
  await stand.stopWorkers();
  await administer(stand, `CREATE DATABASE ${OLDER} TEMPLATE ${DATABASE}`);
  stand.startWorkers();
  const before = stand.watch.count;
  stand.load('the load before the restore', { count: SOME_MESSAGES, ratePerSecond: 400 });
  await until('these messages delivered', () => stand.watch.count >= before + SOME_MESSAGES, 60_000);
  await stand.endLoads();
  await stand.stopWorkers();
  await administer(stand, `DROP DATABASE ${DATABASE} WITH (FORCE)`);
  await administer(stand, `ALTER DATABASE ${OLDER} RENAME TO ${DATABASE}`);
  const delivered = stand.watch.count;
  const rows = await countRows(stand.databaseUrl, 'SELECT count(*) FROM message');
  stand.startWorkers();
  const said = await until('a lane that halts', () => stand.halted.at(-1), 60_000).catch(() => null);
  stand.load('the load after the restore', { count: SOME_MESSAGES, ratePerSecond: 400 });
  await stand.endLoads();
  const lanes = await lanesHalted(stand);
  await stand.stopWorkers();
  stand.timeline.ended(entry);
  if (said === null) return 'restore: no lane halted on a database that lost acknowledged commits';
  stand.timeline.note(`restore: ${lanes} lanes halted; ${rows} rows before`);
  return stand.watch.count === delivered
    ? null
    : `restore: ${stand.watch.count - delivered} delivered after the restore`;
}

/** Lanes that lost something halt; a quiet one that lost nothing may go on. */
async function lanesHalted({ halted }: Stand): Promise<number> {
  return new Set(halted.map((line) => (JSON.parse(line) as { partition: number }).partition)).size;
}

async function changePartitionCount(stand: Stand): Promise<string | null> {
  const entry = stand.timeline.fault('partitions', 'one partition more for im.logic');
  await stand.stopWorkers();
  const brokers = stand.cluster.direct.split(',');
  const admin = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    await admin.createPartitions({ topicPartitions: [{ topic: 'im.logic', count: 9 }] });
  } finally {
    await admin.disconnect();
  }
  const started = new InorderProcess(['run', 'logic', '--wait', '0'], stand.directEnv);
  const limit = setTimeout(() => started.signal('SIGKILL'), 30_000);
  const { code } = await started.exit;
  clearTimeout(limit);
  stand.timeline.ended(entry);
  const said = started.stderr.trimEnd().split('\n').at(-1) ?? '';
  stand.timeline.note(`partitions: ended with ${code}: ${said}`);
  return code !== null && code !== 0 && said.includes('im.logic has 9 partitions')
    ? null
    : `partitions: a start on another partition count ended with ${code}: ${said}`;
}

async function administer({ databaseUrl }: Stand, sql: string): Promise<void> {
  const url = new URL(databaseUrl);
  url.pathname = '/postgres';
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
