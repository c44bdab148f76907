import { describe, expect, test } from '@jest/globals';
import kafkajs from 'kafkajs';
import type { logCreator } from 'kafkajs';
import { kafkajsLog } from '../../src/kafka/kafkajs-log.js';
import { silentLog, type Log, type LogFields } from '../../src/observe/log.js';

const { logLevel } = kafkajs;
type Level = Parameters<logCreator>[0];

function heard(): { log: Log; lines: [string, string, LogFields | undefined][] } {
  const lines: [string, string, LogFields | undefined][] = [];
  const hear = (level: string) => (event: string, fields?: LogFields) => void lines.push([level, event, fields]);
  return { lines, log: { ...silentLog, debug: hear('debug'), warn: hear('warn'), error: hear('error') } };
}

function say(log: Log, level: Level, message: string, extra: object = {}): void {
  creator(log)({
    namespace: 'Connection',
    level,
    label: '',
    log: { timestamp: '', logger: 'kafkajs', message, ...extra },
  });
}
const creators = new WeakMap<Log, ReturnType<ReturnType<typeof kafkajsLog>>>();
function creator(log: Log): ReturnType<ReturnType<typeof kafkajsLog>> {
  let known = creators.get(log);
  if (known === undefined) creators.set(log, (known = kafkajsLog(log)(logLevel.INFO)));
  return known;
}

describe("kafkajs' own lines", () => {
  test('are debug lines, pauses, rejoins and crashes included', () => {
    const { log, lines } = heard();
    say(log, logLevel.INFO, 'Pausing fetching from 1 topics');
    say(log, logLevel.ERROR, 'Crash: KafkaJSNonRetriableError');
    expect(lines.map(([level]) => level)).toEqual(['debug', 'debug']);
  });

  test('a connection that fails is a warning, once in a while', () => {
    const { log, lines } = heard();
    for (let count = 0; count < 50; count += 1)
      say(log, logLevel.ERROR, 'Connection error: connect ECONNREFUSED', { broker: 'a:1' });
    expect(lines).toEqual([
      ['warn', 'kafka: Connection error: connect ECONNREFUSED', { part: 'Connection', broker: 'a:1' }],
    ]);
  });

  test('never carry what a request held', () => {
    const { log, lines } = heard();
    say(log, logLevel.ERROR, 'Response Produce(key: 0, version: 7)', {
      payload: Buffer.from('secret'),
      stack: 'x',
      correlationId: 1,
    });
    expect(lines).toEqual([['debug', 'kafkajs: Response Produce(key: 0, version: 7)', { part: 'Connection' }]]);
  });

  test('what we closed ourselves is no warning', () => {
    const { log, lines } = heard();
    say(log, logLevel.ERROR, 'Connection error: the client was closed');
    expect(lines[0]![0]).toBe('debug');
  });
});
