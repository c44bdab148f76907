import { expect, test } from '@jest/globals';
import { silentLog } from '../../src/observe/log.js';
import type { OutgoingRecord } from '../../src/record.js';
import { DeadLetterWriter } from '../../src/stages/delivery/dead-letter-writer.js';
import { ManualClock, settled } from '../support/manual-clock.js';

interface Send {
  readonly values: string[];
  readonly succeed: () => void;
  readonly fail: () => void;
}

function setUp() {
  const clock = new ManualClock();
  const sends: Send[] = [];
  const calls: string[] = [];
  const writer = new DeadLetterWriter({
    producer: {
      send: (records) =>
        new Promise((resolve, reject) => {
          calls.push('send');
          sends.push({
            values: records.map(({ value }) => String(value)),
            succeed: resolve,
            fail: () => {
              reject(new Error('broker away'));
            },
          });
        }),
      reset: async () => {
        await settled();
        calls.push('reset');
      },
      close: async () => {
        await settled();
        calls.push('close');
      },
    },
    clock,
    log: silentLog,
  });
  return { clock, sends, calls, writer };
}

function letter(value: string): OutgoingRecord {
  return { topic: 't.dlq', partition: 0, key: null, value: Buffer.from(value), headers: {} };
}

test('one send at a time; what comes meanwhile goes with the next', async () => {
  const { sends, writer } = setUp();
  const written = ['a', 'b', 'c'].map((value) => writer.write(letter(value)));
  expect(sends.map(({ values }) => values)).toEqual([['a']]);
  sends[0]?.succeed();
  await settled();
  expect(sends.map(({ values }) => values)).toEqual([['a'], ['b', 'c']]);
  sends[1]?.succeed();
  expect(await Promise.all(written)).toEqual([true, true, true]);
});

test('a send of unknown outcome is repeated by a new producer until it is acknowledged', async () => {
  const { clock, sends, calls, writer } = setUp();
  const written = writer.write(letter('a'));
  sends[0]?.fail();
  await settled();
  await clock.pass(10_000);
  expect(writer.trouble).toBe('broker away');
  sends[1]?.succeed();
  expect(await written).toBe(true);
  expect(calls).toEqual(['send', 'reset', 'send']);
  expect(writer.trouble).toBeNull();
});

test('close gives up what is being repeated, and says so to who waits', async () => {
  const { clock, sends, calls, writer } = setUp();
  const first = writer.write(letter('a'));
  const second = writer.write(letter('b'));
  sends[0]?.fail();
  await clock.pass(1);
  await writer.close();
  expect(await Promise.all([first, second])).toEqual([false, false]);
  expect(calls).toEqual(['send', 'reset', 'close']);
});
