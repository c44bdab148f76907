/** What keeps test files apart on shared servers, and how they wait for what happens in its own time. */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

export interface TestSchemaUrl {
  /** A connection made with it sees the schema alone. */
  readonly url: string;
  readonly name: string;
  /** Removes the schema and what is in it. Call it where the tests passed; a failed test's schema is evidence. */
  drop(): Promise<void>;
}

const POLL_MS = 20;

/** Topics that begin with it are this test's own. */
export function testTopicPrefix(): string {
  return `t${randomBytes(6).toString('hex')}`;
}

/** A new, empty schema on the server that the URL leads to. */
export async function createTestSchema(databaseUrl: string): Promise<TestSchemaUrl> {
  const name = `t${randomBytes(6).toString('hex')}`;
  await query(databaseUrl, `CREATE SCHEMA ${name}`);
  const url = new URL(databaseUrl);
  url.searchParams.set('options', `-c search_path=${name}`);
  return {
    name,
    url: url.href.replaceAll('+', '%20'), // node-postgres reads a plus sign as one
    drop: () => query(databaseUrl, `DROP SCHEMA ${name} CASCADE`),
  };
}

async function query(databaseUrl: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/**
 * Asks until the condition holds. One that throws is asked again, and its last error is told when time is up.
 * @param what completes "waited … for": what a failed test says.
 */
export async function eventually(
  condition: () => boolean | Promise<boolean>,
  { timeoutMs, what }: { timeoutMs: number; what: string },
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (true) {
    let cause: unknown;
    try {
      if (await condition()) return;
    } catch (error) {
      cause = error;
    }
    if (performance.now() >= deadlineMs) throw new Error(`waited ${timeoutMs} ms for ${what}`, { cause });
    await delay(POLL_MS);
  }
}
