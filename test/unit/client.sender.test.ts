import { describe, expect, test } from '@jest/globals';
import type { OutgoingEnvelope } from '../../src/client/envelope.js';
import { MemorySequenceStore } from '../../src/client/memory-sequence-store.js';
import { Sender, type SenderOptions, type Transport } from '../../src/client/sender.js';
import { InorderError } from '../../src/errors.js';
import { parseEnvelope } from '../../src/protocol/parse-envelope.js';

const QUICK = { initialMs: 0, maxMs: 0 };

function sender(transport: Transport, options: Partial<SenderOptions> = {}): Sender {
  const sequence = new MemorySequenceStore({ senderEpoch: 7 });
  return new Sender({ senderId: 'alice', sequence, transport, retry: QUICK, nowMs: () => 1_000, ...options });
}

/** A transport that fails as long as it is told to, and remembers what it was handed. */
function recorder(failures = 0): { transport: Transport; handed: OutgoingEnvelope[] } {
  const handed: OutgoingEnvelope[] = [];
  const transport: Transport = async (envelope) => {
    handed.push(envelope);
    if (handed.length <= failures) throw new Error('the network is away');
  };
  return { transport, handed };
}

/** A transport whose every call waits to be let go. */
function gate(): { transport: Transport; handed: OutgoingEnvelope[]; letGo: () => void } {
  const handed: OutgoingEnvelope[] = [];
  const waiting: (() => void)[] = [];
  const transport: Transport = (envelope) => {
    handed.push(envelope);
    return new Promise((resolve) => waiting.push(resolve));
  };
  return { transport, handed, letGo: () => waiting.shift()?.() };
}

/** Lets everything run that waits for nothing but its turn. */
const turns = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('an envelope is what the pipeline takes: numbered, timed, identified', async () => {
  const { transport, handed } = recorder();
  const alice = sender(transport);
  await alice.send({ to: 'bob', body: { text: '你好 😀' }, meta: { a: [1] } });
  await alice.send({ group: 'team', body: null });
  await alice.send({ to: 'bob', body: 'again', clientMsgId: 'mine', sentAt: 5 });
  expect(handed).toEqual([
    {
      ...{ senderId: 'alice', receiverId: 'bob', clientMsgId: expect.any(String), sentAt: 1_000 },
      ...{ body: { text: '你好 😀' }, meta: { a: [1] }, senderSeq: 1, prevSenderSeq: 0, senderEpoch: 7 },
    },
    {
      ...{ senderId: 'alice', groupId: 'team', clientMsgId: expect.any(String), sentAt: 1_000, body: null },
      ...{ senderSeq: 2, prevSenderSeq: 0, senderEpoch: 7 },
    },
    {
      ...{ senderId: 'alice', receiverId: 'bob', clientMsgId: 'mine', sentAt: 5, body: 'again' },
      ...{ senderSeq: 3, prevSenderSeq: 1, senderEpoch: 7 },
    },
  ]);
  for (const envelope of handed) {
    const parsed = parseEnvelope(Buffer.from(JSON.stringify(envelope)), { maxValueBytes: 262_144 });
    expect(parsed.ok).toBe(true);
  }
});

describe('sending again', () => {
  test('goes out with the same identity and numbers until it is taken, in the order of the calls', async () => {
    const { transport, handed } = recorder(3);
    const alice = sender(transport);
    const results = await Promise.all([1, 2].map((n) => alice.send({ to: 'bob', body: n })));
    expect(results.map((result) => result.kind === 'sent' && result.attempts)).toEqual([4, 1]);
    expect(new Set(handed.slice(0, 4)).size).toBe(1);
    expect(handed.map(({ senderSeq }) => senderSeq)).toEqual([1, 1, 1, 1, 2]);
  });

  test('is given up after a bounded number of attempts: unknown, and can be sent once more as it is', async () => {
    const { transport, handed } = recorder(3);
    const alice = sender(transport, { retry: { ...QUICK, maxAttempts: 3 } });
    const result = await alice.send({ to: 'bob', body: 1 });
    expect(result).toMatchObject({ kind: 'unknown', attempts: 3, reason: 'the network is away' });
    if (result.kind !== 'unknown') throw new Error('not unknown');
    expect(await alice.resend(result.envelope)).toMatchObject({ kind: 'sent', envelope: result.envelope });
    expect(new Set(handed).size).toBe(1);
    expect(await alice.send({ to: 'bob', body: 2 })).toMatchObject({ envelope: { senderSeq: 2, prevSenderSeq: 1 } });
  });

  test('is not tried where the error says that it is no use', async () => {
    const alice = sender(() => Promise.reject(new InorderError('topic_mismatch', 'no such topic')));
    expect(await alice.send({ to: 'bob', body: 1 })).toMatchObject({ kind: 'unknown', attempts: 1 });
  });

  test('an attempt that never ends counts as failed, and is told so', async () => {
    const told: boolean[] = [];
    const never: Transport = (_envelope, { signal }) =>
      new Promise(() => signal.addEventListener('abort', () => told.push(signal.aborted)));
    const alice = sender(never, { retry: { ...QUICK, maxAttempts: 2, attemptTimeoutMs: 5 } });
    const result = await alice.send({ to: 'bob', body: 1 });
    expect(result).toMatchObject({ kind: 'unknown', attempts: 2, reason: 'no answer after 5 ms' });
    expect(told).toEqual([true, true]);
  });

  test('what changes after the call is not sent', async () => {
    const { transport, handed } = recorder(1);
    const body = { text: 'before' };
    const sending = sender(transport).send({ to: 'bob', body });
    body.text = 'after';
    await sending;
    expect(handed.map((envelope) => envelope.body)).toEqual([{ text: 'before' }, { text: 'before' }]);
  });
});

describe('turns', () => {
  test('one message of a conversation is on its way at a time; another conversation does not wait', async () => {
    const { transport, handed, letGo } = gate();
    const alice = sender(transport);
    const all = ['bob', 'bob', 'carol'].map((to) => alice.send({ to, body: 1 }));
    await turns();
    expect(handed.map(({ receiverId }) => receiverId)).toEqual(['bob', 'carol']);
    letGo();
    await all[0];
    await turns();
    expect(handed.map(({ receiverId, senderSeq }) => [receiverId, senderSeq])).toEqual([
      ['bob', 1],
      ['carol', 2],
      ['bob', 3],
    ]);
    letGo();
    letGo();
    await Promise.all(all);
  });

  test('what is aborted before its turn takes no number; on its way, its outcome is unknown', async () => {
    const { transport, handed, letGo } = gate();
    const alice = sender(transport);
    const [first, second] = [new AbortController(), new AbortController()];
    const sending = [
      alice.send({ to: 'bob', body: 1 }, first),
      alice.send({ to: 'bob', body: 2 }, second),
      alice.send({ to: 'bob', body: 3 }),
    ];
    await turns();
    second.abort();
    first.abort();
    expect(await sending[0]).toMatchObject({ kind: 'unknown', reason: 'it was stopped' });
    expect(await sending[1]).toMatchObject({ kind: 'not_sent', why: 'aborted' });
    await turns();
    letGo();
    letGo();
    expect(await sending[2]).toMatchObject({ kind: 'sent', envelope: { senderSeq: 2, prevSenderSeq: 1 } });
    expect(handed).toHaveLength(2);
  });

  test('the queue is bounded, and says so', async () => {
    const { transport, letGo } = gate();
    const alice = sender(transport, { maxQueued: 1 });
    const first = alice.send({ to: 'bob', body: 1 });
    expect(await alice.send({ to: 'carol', body: 2 })).toMatchObject({ kind: 'not_sent', why: 'queue_full' });
    await turns();
    letGo();
    expect(await first).toMatchObject({ kind: 'sent' });
    const third = alice.send({ to: 'carol', body: 3 });
    await turns();
    letGo();
    expect(await third).toMatchObject({ kind: 'sent' });
  });

  test('a close waits for what is queued, then gives it up, and takes no more', async () => {
    const { transport, letGo } = gate();
    const drained = sender(transport);
    const sending = drained.send({ to: 'bob', body: 1 });
    await turns();
    const closing = drained.close();
    letGo();
    await closing;
    expect(await sending).toMatchObject({ kind: 'sent' });
    expect(await drained.send({ to: 'bob', body: 2 })).toMatchObject({ kind: 'not_sent', why: 'closed' });

    const stuck = sender(gate().transport);
    const left = [stuck.send({ to: 'bob', body: 1 }), stuck.send({ to: 'bob', body: 2 })];
    await turns();
    await stuck.close({ drainMs: 1 });
    expect(await left[0]).toMatchObject({ kind: 'unknown' });
    expect(await left[1]).toMatchObject({ kind: 'not_sent', why: 'closed' });
  });

  test('without a number nothing is sent', async () => {
    const { transport, handed } = recorder();
    const sequence = new MemorySequenceStore();
    await sequence.close();
    const result = await sender(transport, { sequence }).send({ to: 'bob', body: 1 });
    expect(result).toEqual({ kind: 'not_sent', why: 'no_number', reason: 'the sequence store is closed' });
    expect(handed).toEqual([]);
  });
});

describe('what is no message is refused, and takes no number', () => {
  const cyclic: { self?: unknown } = {};
  cyclic.self = cyclic;
  const deep = JSON.parse('['.repeat(64) + ']'.repeat(64)) as unknown;
  test.each<[string, object, string]>([
    ['nobody to send to', { body: 1 }, 'to and group are both missing'],
    ['two to send to', { to: 'bob', group: 'team', body: 1 }, 'to and group are both there'],
    ['an empty id', { to: '', body: 1 }, 'to is "": expected a string of 1 to 128 characters'],
    ['an id too long', { group: 'x'.repeat(129), body: 1 }, 'group is "xxxx'],
    ['half a pair', { to: '\ud800', body: 1 }, 'to holds half of a surrogate pair'],
    ['U+0000', { to: 'bob', body: { 'a\0': 1 } }, 'a name in body holds U+0000'],
    ['no body', { to: 'bob' }, 'body is undefined: expected a JSON value'],
    ['NaN', { to: 'bob', body: [Number.NaN] }, 'body holds NaN'],
    ['a bigint', { to: 'bob', body: 1n }, 'body is not JSON'],
    ['a cycle', { to: 'bob', body: cyclic }, 'body is not JSON: Converting circular structure'],
    ['a body too deep', { to: 'bob', body: deep }, 'body is nested deeper than 63'],
    ['a list as meta', { to: 'bob', body: 1, meta: [] }, 'meta is not an object'],
    ['a time before 1970', { to: 'bob', body: 1, sentAt: -1 }, 'sentAt is -1: expected milliseconds'],
    ['a body too large', { to: 'bob', body: 'x'.repeat(262_144) }, 'expected at most 262144'],
  ])('%s', async (_what, message, told) => {
    const { transport, handed } = recorder();
    const alice = sender(transport);
    await expect(alice.send(message as { body: unknown })).rejects.toThrow(told);
    await alice.send({ to: 'bob', body: 'sound' });
    expect(handed).toMatchObject([{ senderSeq: 1 }]);
  });

  test('options are checked, too', () => {
    const { transport } = recorder();
    expect(() => sender(transport, { senderId: '' })).toThrow('senderId is ""');
    expect(() => sender(transport, { retry: { maxAttempts: 0 } })).toThrow(
      'retry.maxAttempts is 0: expected an integer',
    );
    expect(() => sender(transport, { maxQueued: 0 })).toThrow('maxQueued is 0');
  });
});
