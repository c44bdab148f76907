import { InorderError } from '../errors.js';
import { invariant } from '../invariant.js';
import type { Database } from './database.js';
import { integer, text } from './row.js';

export interface PipelinePin {
  readonly topicPrefix: string;
  /** Of the logic and the delivery topic. */
  readonly partitions: number;
}

/** What was pinned; null before the first start. @throws as Database.query */
export async function readPin(db: Database): Promise<PipelinePin | null> {
  const [row] = await db.query({ text: 'SELECT topic_prefix, partitions FROM pipeline' });
  return row === undefined ? null : { topicPrefix: text(row, 'topic_prefix'), partitions: integer(row, 'partitions') };
}

/**
 * The first start writes down which topics a database belongs to and how many partitions they have; every later start
 * is held to it: a conversation that moved to another partition would get a second owner and a second order.
 * @throws InorderError topic_mismatch: what was pinned, what was asked for, and what to do. Also as Database.query.
 */
export async function pinPartitions(db: Database, asked: PipelinePin): Promise<{ partitions: number }> {
  await db.query({
    text: `INSERT INTO pipeline (topic_prefix, partitions, created_at)
           VALUES ($1, $2, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) ON CONFLICT DO NOTHING`,
    values: [asked.topicPrefix, asked.partitions],
  });
  const pinned = await readPin(db);
  invariant(pinned !== null, 'the pipeline was pinned and has no row');
  if (pinned.topicPrefix !== asked.topicPrefix) {
    throw new InorderError(
      'topic_mismatch',
      `the database ${db.address} belongs to the topics with prefix ${quoted(pinned.topicPrefix)}, this start asks for ` +
        `${quoted(asked.topicPrefix)}: set INORDER_TOPIC_PREFIX=${pinned.topicPrefix}, or give this pipeline a database ` +
        'or schema of its own in DATABASE_URL; nothing has been read or written',
    );
  }
  if (pinned.partitions !== asked.partitions) {
    throw new InorderError(
      'topic_mismatch',
      `the pipeline was pinned to ${pinned.partitions} partitions at its first start, this start finds or asks for ` +
        `${asked.partitions}: set INORDER_PARTITIONS=${pinned.partitions}; if the topics ${asked.topicPrefix}.logic and ` +
        `${asked.topicPrefix}.delivery no longer have ${pinned.partitions} partitions, the order of their conversations ` +
        'is lost with the old topics: start anew under another INORDER_TOPIC_PREFIX with a database or schema of its ' +
        'own. Nothing has been read or written',
    );
  }
  return { partitions: pinned.partitions };
}

function quoted(name: string): string {
  return JSON.stringify(name);
}
