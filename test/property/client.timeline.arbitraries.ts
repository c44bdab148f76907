/** Deliveries of one single chat: first whatever a stream could hold at all, then what a lane makes of real senders. */
import fc from 'fast-check';
import type { TimelineDelivery } from '../../src/client/timeline-entry.js';

export const CHAT = 'single:alice:bob';
const SENDERS = ['alice', 'bob'] as const;

/** Sets that no lane would write, too: numbers, epochs, times and `late` without any rule. `seq` is unique. */
export const adversarialSets: fc.Arbitrary<TimelineDelivery[]> = fc
  .uniqueArray(
    fc.record({
      seq: fc.integer({ min: 1, max: 40 }),
      senderId: fc.constantFrom(...SENDERS),
      senderSeq: fc.option(fc.integer({ min: 1, max: 9 }), { freq: 8 }),
      senderEpoch: fc.option(fc.integer({ min: 0, max: 2 }), { freq: 2 }),
      sentAt: fc.integer({ min: 0, max: 6 }),
      late: fc.boolean(),
    }),
    { selector: ({ seq }) => seq, minLength: 1, maxLength: 30 },
  )
  .map((drafts) => drafts.map(deliveryOf));

export type Draft = Omit<TimelineDelivery, 'conversationId' | 'msgId' | 'clientMsgId' | 'body'>;

export function deliveryOf(draft: Draft): TimelineDelivery {
  const { seq } = draft;
  return { conversationId: CHAT, msgId: String(seq * 1000), clientMsgId: `c${seq}`, body: { n: seq }, ...draft };
}

/** The order of a set by the rule as it is written down: slowly, one message at a time, with nothing remembered. */
export function orderByDefinition(set: readonly TimelineDelivery[]): number[] {
  const places = set.map((message) => placeByDefinition(message, set));
  places.sort((a, b) => {
    for (const [index, part] of a.place.entries()) {
      const other = b.place[index] ?? 0;
      if (part !== other) return part - other;
    }
    return 0;
  });
  return places.map(({ seq }) => seq);
}

function placeByDefinition(
  message: TimelineDelivery,
  set: readonly TimelineDelivery[],
): { seq: number; place: number[] } {
  const { seq } = message;
  const home = { seq, place: [seq, 1, 0, 0, 0, 0] };
  if (message.late !== true || !isNumbered(message)) return home;
  const onTime = set
    .filter((other) => other.senderId === message.senderId && other.late !== true && isNumbered(other))
    .sort((a, b) => a.seq - b.seq);
  // Lives of the sender: runs in which (epoch, number) grows.
  const lives: TimelineDelivery[][] = [];
  for (const other of onTime) {
    const last = lives.at(-1)?.at(-1);
    if (last !== undefined && isAbove(other, last)) lives.at(-1)?.push(other);
    else lives.push([other]);
  }
  let life = lives.filter(([first]) => first!.seq < seq).length - 1;
  while (life > 0 && message.sentAt < lives[life]![0]!.sentAt) life -= 1;
  const rest = [
    ...(lives[life] ?? []).filter((other) => isAbove(other, message)),
    ...(lives[life + 1] ?? []).slice(0, 1),
  ];
  const anchor = rest[0];
  if (anchor === undefined || anchor.seq > seq) return home;
  const lifeSeq = life <= 0 ? 0 : lives[life]![0]!.seq;
  return { seq, place: [anchor.seq, 0, lifeSeq, message.senderEpoch ?? 0, message.senderSeq!, seq] };
}

function isNumbered({ senderSeq }: TimelineDelivery): boolean {
  return senderSeq !== null && senderSeq !== undefined;
}

function isAbove(a: TimelineDelivery, b: TimelineDelivery): boolean {
  const [aEpoch, bEpoch] = [a.senderEpoch ?? 0, b.senderEpoch ?? 0];
  return aEpoch === bEpoch ? a.senderSeq! > b.senderSeq! : aEpoch > bEpoch;
}

export interface Sent {
  readonly senderId: string;
  readonly senderSeq: number;
  readonly senderEpoch: number;
}

/** What senders sent, in the order in which the network brought it: some far too late, epochs mixed. */
export const arrivals: fc.Arbitrary<Sent[]> = fc
  .array(fc.record({ sender: fc.constantFrom(...SENDERS), newEpoch: fc.nat({ max: 9 }), delay: fc.nat({ max: 12 }) }), {
    minLength: 1,
    maxLength: 60,
  })
  .map((drafts) => {
    const state = new Map(SENDERS.map((sender) => [sender, { senderEpoch: 1, senderSeq: 0 }]));
    const sent = drafts.map(({ sender, newEpoch, delay }, at) => {
      const before = state.get(sender)!;
      const now =
        newEpoch === 0
          ? { senderEpoch: before.senderEpoch + 1, senderSeq: 1 }
          : { ...before, senderSeq: before.senderSeq + 1 };
      state.set(sender, now);
      return { message: { senderId: sender, ...now }, arrivesAt: at + delay, at };
    });
    sent.sort((a, b) => a.arrivesAt - b.arrivesAt || b.at - a.at);
    return sent.map(({ message }) => message);
  });

/** A lane that waits for nobody: what is not above the last of its sender goes out late. */
export function deliverWithoutWaiting(arrived: readonly Sent[]): TimelineDelivery[] {
  const last = new Map<string, TimelineDelivery>();
  return arrived.map((sent, index) => {
    const message = deliveryOf({ ...sent, seq: index + 1, sentAt: index });
    const before = last.get(sent.senderId);
    if (before !== undefined && !isAbove(message, before)) return { ...message, late: true };
    last.set(sent.senderId, message);
    return message;
  });
}
