import { expect, test } from '@jest/globals';
import { parseEnvelope } from '../../src/protocol/parse-envelope.js';
import type { DeadLetterReason } from '../../src/protocol/reasons.js';
import { Workload } from '../../src/workload/workload.js';

const LIMITS = { maxValueBytes: 4_096 };

/** Judges the records as the pipeline does: by the envelope rules, then by identity and content. */
function judged(workload: Workload, count: number) {
  const contents = new Map<string, string>();
  const result = {
    messages: 0,
    duplicates: 0,
    deadLettersByReason: new Map<DeadLetterReason, number>(),
    keysAreIds: true,
  };
  for (let drawn = 0; drawn < count; drawn += 1) {
    const { key, value } = workload.next();
    const parsed = parseEnvelope(value, LIMITS);
    if (!parsed.ok) {
      refuse(parsed.reason);
      continue;
    }
    const { conversationId, senderId, clientMsgId, contentHash } = parsed.envelope;
    result.keysAreIds &&= key.toString() === conversationId;
    const identity = [conversationId, senderId, clientMsgId].join('\0');
    const known = contents.get(identity);
    if (known === undefined) result.messages += 1;
    else if (known === contentHash.toString('hex')) result.duplicates += 1;
    else refuse('conflicting_duplicate');
    contents.set(identity, known ?? contentHash.toString('hex'));
  }
  return result;

  function refuse(reason: DeadLetterReason): void {
    result.deadLettersByReason.set(reason, (result.deadLettersByReason.get(reason) ?? 0) + 1);
  }
}

test("what the workload says will come out is what the pipeline's own rules make of its bytes", () => {
  const workload = new Workload({
    seed: 11,
    conversations: 60,
    duplicateShare: 0.05,
    badShare: 0.2,
    startMs: 1_767_225_600_000,
    ...LIMITS,
  });
  const result = judged(workload, 5_000);
  const { messages, duplicates, deadLettersByReason } = workload.expected;
  expect(result).toEqual({ messages, duplicates, deadLettersByReason, keysAreIds: true });
  // Every kind of broken record was there, or this would prove little.
  expect(deadLettersByReason.size).toBe(18);
});
