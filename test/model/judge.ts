/** What the promises forbid, in words. Readers' promises hold in every world; completeness where all is at rest. */
import { wantsBatch } from '../../src/lane/step.js';
import { identityOf } from '../../src/ordering/state.js';
import type { Stamped } from '../../src/protocol/message.js';
import { isDue } from './worker.js';
import type { World } from './world.js';

/** What a read_committed reader has seen, in offset order. */
export function seenByReaders({ kafka }: Pick<World, 'kafka'>): Stamped[] {
  return kafka.log.flatMap(({ state, stamped }) => (state === 'committed' ? stamped : []));
}

export function nameOf(one: Stamped): string {
  if (one.kind === 'dead_letter') return `the dead letter of offset ${one.place.offset}`;
  return `${one.conversationId.replace('group:', '')}/${one.clientMsgId} as seq ${one.seq}`;
}

/** The first promise broken for readers or rows, or null. Holds in every world, not only at rest. */
export function brokenNow({ rows, kafka }: World): string | null {
  const seen = seenByReaders({ kafka });
  return brokenIn(seen, 'delivered') ?? brokenIn(rows, 'stored') ?? restamped(rows, seen);
}

function brokenIn(list: readonly Stamped[], where: string): string | null {
  const identities = new Set<string>();
  const seqs = new Map<string, number>();
  let last = 0n;
  for (const one of list) {
    if (one.msgId <= last) return `${nameOf(one)} is ${where} with a msgId not above the one before it`;
    last = one.msgId;
    if (one.kind === 'dead_letter') continue;
    const identity = identityOf(one);
    if (identities.has(identity)) return `${nameOf(one)} is ${where} twice`;
    identities.add(identity);
    const expected = (seqs.get(one.conversationId) ?? 0) + 1;
    if (one.seq !== expected) return `${nameOf(one)} is ${where} where seq ${expected} is next`;
    seqs.set(one.conversationId, one.seq);
  }
  return null;
}

function restamped(rows: readonly Stamped[], seen: readonly Stamped[]): string | null {
  for (const one of seen) {
    if (one.kind !== 'message') continue;
    for (const row of rows) {
      if (row.kind !== 'message' || identityOf(row) !== identityOf(one)) continue;
      if (row.msgId !== one.msgId || row.seq !== one.seq) {
        return `${nameOf(one)} was delivered, but is stored as seq ${row.seq}`;
      }
    }
  }
  return null;
}

/** Whether every owner has read all there is and waits for nothing. */
export function isAtRest(world: World): boolean {
  const owners = world.workers.filter((worker) => worker !== null);
  return (
    owners.length > 0 &&
    world.held.length === 0 &&
    owners.every((owner) => {
      const hasRead = owner.fetchOffset === world.rules.drafts.length && owner.pending.length === 0;
      return hasRead && wantsBatch(owner.lane) && !isDue(world, owner);
    })
  );
}

/** The promise broken for good, or null: at rest everything is stored and delivered. */
export function brokenAtRest(world: World): string | null {
  const stored = world.rows.map(({ msgId }) => msgId).join(' ');
  const delivered = seenByReaders(world)
    .map(({ msgId }) => msgId)
    .join(' ');
  const identities = new Set(world.rules.drafts.map((draft) => `${draft.conversation} ${draft.clientMsgId}`));
  const count = world.rows.filter(({ kind }) => kind === 'message').length;
  if (count !== identities.size) return `at rest ${count} of ${identities.size} messages are stored: one is lost`;
  if (stored !== delivered) return `at rest ${world.rows.length} are stored, ${seenByReaders(world).length} delivered`;
  return null;
}
