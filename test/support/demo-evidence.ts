/** What a faultless run of a plan would have seen; tests break it. */
import type { Arrival, Delivered, Evidence } from '../../src/demo/evidence.js';
import type { DemoPlan } from '../../src/demo/schedule.js';

/** Messages of a chat a second apart, each arriving after the delay that the plan has for it. */
export function faultlessEvidence(plan: DemoPlan): Evidence {
  const arrivals: (Arrival & { atMs: number })[] = [];
  const delivered: Delivered[] = [];
  let msgId = 0n;
  for (const { conversationId, messages } of plan.chats) {
    messages.forEach(({ clientMsgId, sender, route, copy }, index) => {
      const sentMs = 1_764_000_000_000 + index * 100;
      const sentAt = sentMs + (plan.clientClockMs.get(sender) ?? 0);
      for (const way of [route, copy]) {
        if (way === null) continue;
        const atMs = sentMs + way.delayMs;
        const stampMs = atMs + plan.serverClockMs[way.server];
        arrivals.push({ conversationId, clientMsgId, server: way.server, stampMs, sentAt, atMs });
      }
      delivered.push({
        ...{ conversationId, seq: index + 1, msgId: (msgId += 1n), senderId: sender, clientMsgId, sentAt },
        ...{ senderSeq: index + 1, senderEpoch: 1, late: false, partition: 0, laneEpoch: 1, readMs: index },
      });
    });
  }
  arrivals.sort((a, b) => a.atMs - b.atMs);
  const stored = delivered.map(({ conversationId, seq, clientMsgId }) => ({ conversationId, seq, clientMsgId }));
  return { arrivals, delivered, stored, kill: null, loss: null, check: 'pass' };
}
