import { expect, test } from '@jest/globals';
import { settle } from '../../src/stages/delivery/settings.js';

test('every setting has a default', () => {
  expect(settle({})).toMatchObject({ concurrency: 16, retry: { attempts: 5 }, source: { sessionTimeoutMs: 6_000 } });
});

test.each([
  [{ concurrency: 0 }, 'concurrency is 0; it may be a whole number from 1 to 10000'],
  [{ concurrency: 1.5 }, 'concurrency is 1.5'],
  [{ retry: { attempts: 0 } }, 'retry.attempts is 0'],
  [
    { retry: { initialBackoffMs: 100, maxBackoffMs: 99 } },
    'retry.maxBackoffMs is 99; it may be a whole number from 100',
  ],
  [{ retry: { jitter: 2 } }, 'retry.jitter is 2; it may be from 0 to 1'],
  [
    { sessionTimeoutMs: 6_000, heartbeatIntervalMs: 2_001 },
    'heartbeatIntervalMs is 2001; it may be a whole number from 50 to 2000',
  ],
])('%j is refused, naming the option, its value and what it may be', (options, message) => {
  expect(() => settle(options)).toThrow(
    expect.objectContaining({ code: 'config_invalid', message: expect.stringContaining(message) }),
  );
});
