import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { downloadedBytes, fetchKafkaJars, findKafkaJars, kafkaVersion } from '../../src/embedded/kafka-jars.js';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'inorder-jars-'));
});

afterEach(() => rmSync(dir, { recursive: true }));

/** A Maven that does this, in the folder that it is to fill. */
function mavenThat(script: string): string {
  const path = join(dir, 'mvn');
  writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return path;
}

const BRINGS_ALL = `printf 12345 > libs/kafka_2.13-${kafkaVersion()}.jar; printf 123 > libs/other.jar`;

test('a whole fetch is found again, and only that', async () => {
  expect(findKafkaJars(dir)).toBeNull();
  const said: string[] = [];
  const libs = await fetchKafkaJars({ dir, mvn: mavenThat(BRINGS_ALL), onProgress: (line) => said.push(line) });
  expect(findKafkaJars(dir)).toBe(libs);
  expect(said.at(-1)).toContain('2 jars');
  expect(readdirSync(dir).sort()).toEqual([`kafka-${kafkaVersion()}`, 'mvn']);
});

test.each([
  ['shorter than it was', (libs: string) => truncateSync(join(libs, 'other.jar'), 1)],
  ['gone', (libs: string) => rmSync(join(libs, 'other.jar'))],
  ['all gone, list too', (libs: string) => rmSync(join(libs, '..', 'whole.json'))],
])('jars of which one is %s are fetched again', async (_what, damage) => {
  const fetch = (): Promise<string> => fetchKafkaJars({ dir, mvn: mavenThat(BRINGS_ALL), onProgress: () => undefined });
  damage(await fetch());
  expect(findKafkaJars(dir)).toBeNull();
  await fetch();
  expect(findKafkaJars(dir)).not.toBeNull();
});

test('a fetch that fails tells what Maven said and leaves nothing that looks fetched', async () => {
  const mvn = mavenThat('printf 12345 > libs/other.jar; echo "[ERROR] no route to host"; exit 1');
  const fetch = fetchKafkaJars({ dir, mvn, onProgress: () => undefined });
  await expect(fetch).rejects.toMatchObject({
    code: 'server_start_failed',
    message: expect.stringContaining('no route to host'),
  });
  expect(readdirSync(dir)).toEqual(['mvn']);
});

test('a Maven that reports success without bringing Kafka is a failure', async () => {
  const fetch = fetchKafkaJars({ dir, mvn: mavenThat('true'), onProgress: () => undefined });
  await expect(fetch).rejects.toThrow('it brought no Kafka');
});

test('what a killed fetch left is removed by the next one; what a living one is at is not', async () => {
  const [killed, living] = [`kafka-1.2.3.fetching-${2 ** 22 + 1}`, `kafka-1.2.3.fetching-${process.ppid}`];
  mkdirSync(join(dir, killed));
  mkdirSync(join(dir, living));
  await fetchKafkaJars({ dir, mvn: mavenThat(BRINGS_ALL), onProgress: () => undefined });
  expect(existsSync(join(dir, killed))).toBe(false);
  expect(existsSync(join(dir, living))).toBe(true);
});

test('progress is told at least once a second', async () => {
  const line = 'Downloaded from central: https://repo.example/a/a-1.jar (11 MB at 9.5 MB/s)';
  const said: string[] = [];
  const mvn = mavenThat(`echo "${line}"; sleep 1.5; ${BRINGS_ALL}`);
  await fetchKafkaJars({ dir, mvn, onProgress: (progress) => said.push(progress) });
  expect(said[0]).toContain('1 files, 11.0 MB so far (1 s)');
});

test('an abort ends Maven and is the reason', async () => {
  const stopping = new AbortController();
  const mvn = mavenThat('echo $$ > ../pid; exec sleep 60');
  const fetch = fetchKafkaJars({ dir, mvn, onProgress: () => stopping.abort(), signal: stopping.signal });
  await expect(fetch).rejects.toMatchObject({ name: 'AbortError' });
  expect(readdirSync(dir).filter((name) => name.includes('fetching'))).toEqual([]);
});

test.each([
  ['Downloaded from central: https://r/a-1.jar (11 MB at 9.5 MB/s)', 11e6],
  ['[INFO] Downloaded from central: https://r/a-1.jar (820 B at 1.2 kB/s)', 820],
  ['Downloaded from central: https://r/a-1.pom (1.4 kB at 142 kB/s)', null],
  ['Downloading from central: https://r/a-1.jar', null],
])("the size of a jar is read from Maven's line %j", (line, bytes) => {
  expect(downloadedBytes(line)).toBe(bytes);
});
