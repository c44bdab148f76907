import { describe, expect, test } from '@jest/globals';
import { InorderError } from '../../src/errors.js';
import { createLog } from '../../src/observe/pino.js';

function written(options: { level?: 'debug' | 'info' | 'silent'; pretty?: boolean } = {}): {
  lines: string[];
  log: ReturnType<typeof createLog>;
} {
  const lines: string[] = [];
  const log = createLog({
    level: options.level ?? 'info',
    pretty: options.pretty ?? false,
    destination: { write: (line) => void lines.push(line) },
  });
  return { lines, log };
}

describe('the log', () => {
  test('is one JSON line an event, with the level by name, the time in UTC and the fields beside', () => {
    const { lines, log } = written();
    log.child({ partition: 3 }).info('lane taken over', { laneEpoch: 7, msgId: 123456789012345678n });
    expect(lines).toHaveLength(1);
    const line = JSON.parse(lines[0]!) as Record<string, unknown>;
    expect(line).toMatchObject({
      level: 'info',
      event: 'lane taken over',
      partition: 3,
      laneEpoch: 7,
      msgId: '123456789012345678',
      pid: process.pid,
    });
    expect(line['time']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  test('never shows what people wrote, whoever passes it', () => {
    const { lines, log } = written({ level: 'debug' });
    log.child({ body: 'secret words' }).debug('seen', {
      value: Buffer.from('secret words'),
      other: Buffer.from('secret words'),
      text: 'secret words',
      databaseUrl: 'postgres://u:secret@h/d',
    });
    expect(lines.join('')).not.toContain('secret');
    expect(JSON.parse(lines[0]!)).toMatchObject({ other: '<12 bytes>', text: '<12 characters>' });
  });

  test('shows an error as its code and reason, without a stack', () => {
    const { lines, log } = written();
    log.error('store failed', { cause: new InorderError('postgres_unavailable', 'connection refused') });
    expect(JSON.parse(lines[0]!)).toMatchObject({ cause: 'postgres_unavailable: connection refused' });
  });

  test('names a field once, where a child and its call both name it', () => {
    const { lines, log } = written();
    log.child({ groupId: 'a', stage: 'logic' }).info('group joined', { groupId: 'b' });
    expect(lines[0]!.split('groupId')).toHaveLength(2);
    expect(JSON.parse(lines[0]!)).toMatchObject({ groupId: 'b', stage: 'logic' });
  });

  test('leaves out what is below its level', () => {
    const { lines, log } = written({ level: 'info' });
    log.debug('not this');
    expect(lines).toEqual([]);
  });

  test('is readable lines on a terminal, written at once', () => {
    const { lines, log } = written({ pretty: true });
    log.warn('lane fenced', { by: 'kafka' });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^\[\d\d:\d\d:\d\d\.\d{3}\] WARN: lane fenced \{"by":"kafka"\}\n$/);
  });
});
