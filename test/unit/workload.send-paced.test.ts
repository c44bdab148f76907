import { describe, expect, test } from '@jest/globals';
import type { Clock } from '../../src/clock/clock.js';
import type { OutgoingRecord } from '../../src/record.js';
import { sendPaced } from '../../src/workload/send-paced.js';

/** Time that passes only by sleeping and sending. */
class TickingClock implements Clock {
  #now = 0;
  nowMs(): number {
    return this.#now;
  }
  monotonicMs(): number {
    return this.#now;
  }
  pass(ms: number): void {
    this.#now += ms;
  }
  async sleep(ms: number): Promise<void> {
    this.pass(ms);
  }
}

const record: OutgoingRecord = { topic: 't', partition: 0, key: null, value: null, headers: {} };

function* endless(): Generator<OutgoingRecord> {
  while (true) yield record;
}

function some(count: number): Iterator<OutgoingRecord> {
  return Array.from({ length: count }, () => record)[Symbol.iterator]();
}

describe('paced sending', () => {
  test('keeps the rate on average, whatever a send takes', async () => {
    const clock = new TickingClock();
    const stop = new AbortController();
    const sentAt: number[] = [];
    const { acknowledged, tookMs } = await sendPaced(endless(), {
      send: async (records) => {
        for (const _ of records) sentAt.push(clock.monotonicMs());
        clock.pass(sentAt.length > 500 && sentAt.length < 520 ? 400 : 1); // one send is slow
        if (clock.monotonicMs() >= 10_000) stop.abort();
      },
      ratePerSecond: 100,
      clock,
      stop: stop.signal,
    });
    expect(acknowledged).toBe(sentAt.length);
    expect(acknowledged / (tookMs / 1000)).toBeCloseTo(100, -1);
    sentAt.forEach((atMs, index) => expect(atMs).toBeGreaterThanOrEqual((index * 1000) / 100 - 1));
  });

  test('sends what came due together: a quick broker gets no request for every record', async () => {
    const clock = new TickingClock();
    const stop = new AbortController();
    const sizes: number[] = [];
    await sendPaced(endless(), {
      send: async (records) => {
        sizes.push(records.length);
        clock.pass(0.3);
        if (clock.monotonicMs() >= 1_000) stop.abort();
      },
      ratePerSecond: 3_000,
      clock,
      stop: stop.signal,
    });
    expect(Math.min(...sizes.slice(1))).toBeGreaterThanOrEqual(14); // 5 ms of 3,000 a second
  });

  test('without a rate it sends in full batches, all of them, and counts what was acknowledged', async () => {
    const sizes: number[] = [];
    const totals: number[] = [];
    const { acknowledged } = await sendPaced(some(2_500), {
      send: async (records) => void sizes.push(records.length),
      ratePerSecond: null,
      clock: new TickingClock(),
      stop: new AbortController().signal,
      onAcknowledged: (total) => totals.push(total),
    });
    expect(sizes).toEqual([1_000, 1_000, 500]);
    expect(totals).toEqual([1_000, 2_000, 2_500]);
    expect(acknowledged).toBe(2_500);
  });

  test('a stop ends it between two batches: nothing drawn is left unsent', async () => {
    const stop = new AbortController();
    let drawn = 0;
    let sent = 0;
    function* counted(): Generator<OutgoingRecord> {
      while (true) {
        drawn += 1;
        yield record;
      }
    }
    await sendPaced(counted(), {
      send: async (records) => {
        sent += records.length;
        if (sent > 3_000) stop.abort();
      },
      ratePerSecond: null,
      clock: new TickingClock(),
      stop: stop.signal,
    });
    expect(sent).toBe(drawn);
  });

  test('a failed send is the failure of the whole, and nothing is sent after it', async () => {
    let calls = 0;
    const send = async (): Promise<void> => {
      calls += 1;
      throw new Error('no broker');
    };
    const options = { send, ratePerSecond: null, clock: new TickingClock(), stop: new AbortController().signal };
    await expect(sendPaced(some(5_000), options)).rejects.toThrow('no broker');
    expect(calls).toBe(1);
  });
});
