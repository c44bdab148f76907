import { expect, test } from '@jest/globals';
import { serverProperties } from '../../src/embedded/kafka-config.js';

const text = serverProperties({ kafka: 9092, controller: 20_001 }, '/data/kafka');
const settings = new Map(
  text
    .trim()
    .split('\n')
    .map((line) => line.split('=', 2) as [string, string]),
);

test('clients and controller listen on 127.0.0.1 only', () => {
  expect(settings.get('listeners')).toBe('PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:20001');
  expect(settings.get('advertised.listeners')).toBe('PLAINTEXT://127.0.0.1:9092');
});

test('watermarks, which are the metadata of committed offsets, never expire', () => {
  expect(Number(settings.get('offsets.retention.minutes'))).toBe(2_147_483_647);
});

test('what the contract lets clients do is allowed', () => {
  expect(Number(settings.get('group.min.session.timeout.ms'))).toBeLessThanOrEqual(3_000);
  expect(Number(settings.get('message.max.bytes'))).toBe(2 * 1024 * 1024);
  expect(Number(settings.get('replica.fetch.max.bytes'))).toBeGreaterThanOrEqual(2 * 1024 * 1024);
  expect(settings.get('auto.create.topics.enable')).toBe('false');
});

test("a data dir of any name survives Java's properties", () => {
  expect(serverProperties({ kafka: 1, controller: 2 }, '/数据/a\\b')).toContain('log.dirs=/\\u6570\\u636e/a\\\\b\n');
});
