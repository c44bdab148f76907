import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { findBrokers, findDatabase, findServers } from '../../src/cli/addresses.js';
import { bannerLines, environmentPrefix } from '../../src/cli/banner.js';
import { readSettings } from '../../src/config/environment.js';
import type { Settings } from '../../src/config/settings.js';
import { stackPath, writeStack } from '../../src/config/stack-file.js';

let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'inorder-addresses-'));
});

afterEach(() => rmSync(dataDir, { recursive: true }));

function settings(environment: Record<string, string> = {}): Settings {
  return readSettings({ INORDER_DATA_DIR: dataDir, ...environment }).settings;
}

const stack = {
  brokers: ['127.0.0.1:9092'],
  databaseUrl: 'postgres://u:pw@127.0.0.1/d',
  pids: { inorder: process.pid },
};

describe('where the servers are', () => {
  test('the environment goes before the running stack, each address for itself', () => {
    writeStack(dataDir, stack);
    const mixed = settings({ KAFKA_BROKERS: 'k:1' });
    expect(findServers(mixed)).toEqual({ brokers: ['k:1'], databaseUrl: stack.databaseUrl });
    expect(findBrokers(settings())).toEqual(stack.brokers);
    expect(findDatabase(settings({ DATABASE_URL: 'postgres://h/x' }))).toBe('postgres://h/x');
  });

  test('who needs one of them only is not asked for the other', () => {
    expect(findBrokers(settings({ KAFKA_BROKERS: 'k:1' }))).toEqual(['k:1']);
    expect(() => findDatabase(settings({ KAFKA_BROKERS: 'k:1' }))).toThrow(
      /^DATABASE_URL is unset, and no running stack/,
    );
  });

  test('nothing found: what is unset, where was looked, and what to do', () => {
    expect(() => findServers(settings())).toThrow(
      `KAFKA_BROKERS and DATABASE_URL are unset, and no running stack is known here (there is no ${stackPath(dataDir)}). ` +
        'Start one with `npx inorder start`, or set KAFKA_BROKERS and DATABASE_URL.',
    );
  });

  test('a stack that died, and a file that is none, are called what they are', () => {
    writeStack(dataDir, { ...stack, pids: { inorder: 2 ** 22 + 1 } });
    expect(() => findBrokers(settings())).toThrow(
      'is left from a stack that is gone (its process 4194305 no longer runs)',
    );
    writeFileSync(stackPath(dataDir), '{');
    expect(() => findBrokers(settings())).toThrow("can't be used");
  });
});

describe('the welcome', () => {
  test('shows addresses without the password, and commands that work in another terminal', () => {
    const text = bannerLines(settings({ INORDER_TOPIC_PREFIX: 'chat' }), stack, 'http://127.0.0.1:8080').join('\n');
    expect(text).toContain('127.0.0.1:9092   chat.ingest → chat.logic → chat.delivery, chat.dlq');
    expect(text).toContain('postgres://u:***@127.0.0.1/d');
    expect(text).not.toContain('pw@');
    expect(text).toContain(`INORDER_DATA_DIR=${dataDir} INORDER_TOPIC_PREFIX=chat npx inorder tail`);
  });

  test('needs no variables where everything is as usual', () => {
    expect(environmentPrefix(readSettings({}).settings)).toBe('');
  });
});
