/** What is explored: the protocol that ships, and its broken variants; for the test and for `npm run model`. */
import type { Draft } from '../property/lane/records.js';
import { newWorld, type Breakage, type World } from './world.js';

const draft = (conversation: number, clientMsgId: string): Draft => ({ conversation, clientMsgId, content: 0 });
const TWO_CONVERSATIONS = [draft(0, 'a'), draft(0, 'b'), draft(1, 'a')];
/** Its last batch may hold nothing new: only the position moves. */
const A_RETRY = [draft(0, 'a'), draft(0, 'b'), draft(0, 'a')];
/** The first waits for the second; before the third one is missing for good, so that only its window ends the wait. */
const GAPS: Draft[] = [
  { ...draft(0, 'b'), senderSeq: 2, prevSenderSeq: 1 },
  { ...draft(0, 'a'), senderSeq: 1, prevSenderSeq: 0 },
  { ...draft(0, 'd'), senderSeq: 4, prevSenderSeq: 3 },
];

export const SHIPPED: readonly { readonly name: string; readonly start: World }[] = [
  { name: '2 workers, 3 records, 3 faults', start: worldOf(TWO_CONVERSATIONS, 3, { stops: false }) },
  { name: '2 workers, a retry among 3 records, stops, 2 faults', start: worldOf(A_RETRY, 2, { stops: true }) },
  { name: '2 workers, 3 records with gaps, windows that end, 1 fault', start: worldOf(GAPS, 1, { stops: false }) },
];

/** Half as long again; for the command. */
export const LONGER: typeof SHIPPED = [
  { name: '2 workers, 3 records with gaps, windows that end, 2 faults', start: worldOf(GAPS, 2, { stops: false }) },
];

export const BROKEN: readonly { readonly breakage: Breakage; readonly says: RegExp }[] = [
  { breakage: 'offset-read-before-fencing', says: /halts|twice|msgId/ },
  { breakage: 'producer-reused-after-unknown', says: /where seq|lost|stored, \d+ delivered/ },
  { breakage: 'no-postgres-fence', says: /halts|twice|msgId/ },
  { breakage: 'kafka-first', says: /halts|twice|msgId/ },
  { breakage: 'unknown-store-assumed-done', says: /is lost/ },
  { breakage: 'unknown-forward-assumed-done', says: /where seq|stored, \d+ delivered/ },
  { breakage: 'no-kafka-fence', says: /twice|msgId/ },
  { breakage: 'epoch-not-read-again', says: /halts|twice|msgId/ },
  { breakage: 'holds-forgotten', says: /lost|can go on|twice|held/ },
];

export function brokenWorld(breakage: Breakage, brokerDropsRepetitions = true): World {
  const drafts = breakage === 'holds-forgotten' ? GAPS : TWO_CONVERSATIONS;
  const rules = { drafts, breakage, stops: false, brokerDropsRepetitions };
  return newWorld(rules, { workers: 2, faults: 2 });
}

function worldOf(drafts: readonly Draft[], faults: number, { stops }: { stops: boolean }): World {
  return newWorld({ drafts, stops, breakage: 'none', brokerDropsRepetitions: true }, { workers: 2, faults });
}
