import { setTimeout as delay } from 'node:timers/promises';

/** What `work` did within `ms`, or 'late'. The work goes on; a later rejection is swallowed. Never rejects. */
export async function within<T>(
  work: Promise<T>,
  ms: number,
): Promise<{ kind: 'done'; value: T } | { kind: 'failed'; error: unknown } | { kind: 'late' }> {
  const timer = new AbortController();
  const outcome = work.then(
    (value) => ({ kind: 'done', value }) as const,
    (error: unknown) => ({ kind: 'failed', error }) as const,
  );
  const late = delay(ms, { kind: 'late' } as const, { signal: timer.signal }).catch(() => ({ kind: 'late' }) as const);
  try {
    return await Promise.race([outcome, late]);
  } finally {
    timer.abort();
  }
}
