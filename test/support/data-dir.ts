/** Data dirs for embedded servers of a test's own: fresh, and with Kafka's jars out of a cache, so that they are fetched once. */
import { mkdirSync, symlinkSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { kafkaVersion } from '../../src/embedded/kafka-jars.js';

export interface TestDataDir {
  readonly path: string;
  remove(): Promise<void>;
}

/** Kept by CI machines and by `npm ci` alike as long as node_modules is. */
export const JARS_CACHE = resolve('node_modules/.cache/inorder');

/** A folder that does not outlive the test, and holds the cached jars as a first start would have fetched them. */
export async function makeDataDir(): Promise<TestDataDir> {
  const path = await mkdtemp(join(tmpdir(), 'inorder-test-'));
  await chmod(path, 0o755); // PostgreSQL may have to be another user
  const jars = `kafka-${kafkaVersion()}`;
  mkdirSync(JARS_CACHE, { recursive: true });
  symlinkSync(join(JARS_CACHE, jars), join(path, jars));
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }) };
}
