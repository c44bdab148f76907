/**
 * What a lane counts on at its edges, as one suite: for the servers in memory that the simulation runs on, and for the
 * real ones, so that the former can't be kinder than the latter.
 */
import { describe, expect, test } from '@jest/globals';
import type { ConversationId, LogicOffset, MsgId, Seq } from '../../src/protocol/ids.js';
import { identityOf } from '../../src/ordering/state.js';
import type { StampedMessage } from '../../src/protocol/message.js';
import type { LaneEdges } from '../../src/stages/logic/edges.js';
import { heldMessage, planOf, stampedMessage } from '../support/stamped.js';

export interface ContractLane {
  readonly edges: LaneEdges;
  readonly partition: number;
  /** Keys of the delivery records that a read_committed reader of the lane's partition is given, to the log's end. */
  delivered(): Promise<string[]>;
}

/** @param newLane a lane that nobody has taken, with a partition of its own */
export function laneEdgesContract(newLane: () => ContractLane): void {
  describe('the store', () => {
    test('is the last taker’s: a former owner stores nothing', async () => {
      const { edges, partition } = newLane();
      const former = await edges.store.take();
      const owner = await edges.store.take();
      expect(owner.laneEpoch).toBeGreaterThan(former.laneEpoch);
      expect(await edges.store.epoch()).toBe(owner.laneEpoch);
      const plan = planOf([message(partition, 1)], 0, 1);
      expect(await edges.store.store(plan, former.laneEpoch)).toEqual({ kind: 'fenced' });
      expect(await edges.store.unforwarded(0n as MsgId, 10)).toEqual([]);
      expect(await edges.store.store(plan, owner.laneEpoch)).toEqual({ kind: 'stored' });
    });

    test('stores a plan once: a second copy of it finds the position moved', async () => {
      const { edges, partition } = newLane();
      const { laneEpoch } = await edges.store.take();
      const plan = planOf([message(partition, 1), message(partition, 2)], 0, 3);
      expect(await edges.store.store(plan, laneEpoch)).toEqual({ kind: 'stored' });
      expect(await edges.store.store(plan, laneEpoch)).toEqual({ kind: 'fenced' });
      const last = message(partition, 2).msgId;
      expect(await edges.store.take()).toMatchObject({ nextOffset: 3, lastMsgId: last });
    });

    test('refuses an identity and a place that is taken, and changes nothing', async () => {
      const { edges, partition } = newLane();
      const { laneEpoch } = await edges.store.take();
      const first = message(partition, 1);
      await edges.store.store(planOf([first], 0, 1), laneEpoch);
      const sameIdentity = { ...message(partition, 2), clientMsgId: first.clientMsgId };
      const samePlace = { ...message(partition, 2), seq: first.seq };
      const skipped = message(partition, 3);
      for (const wrong of [sameIdentity, samePlace, skipped]) {
        const outcome = await edges.store.store(planOf([wrong], 1, 2, { floor: first.msgId }), laneEpoch);
        expect(outcome.kind).toBe('conflict');
      }
      expect((await edges.store.unforwarded(0n as MsgId, 10)).map(({ msgId }) => msgId)).toEqual([first.msgId]);
      expect(await edges.store.take()).toMatchObject({ nextOffset: 1 });
    });

    test('tells heads, identities, senders, and what is above a watermark', async () => {
      const { edges, partition } = newLane();
      const { laneEpoch } = await edges.store.take();
      const numbered = { ...message(partition, 2), senderSeq: 7, prevSenderSeq: 6 };
      await edges.store.store(planOf([message(partition, 1), numbered, message(partition, 3)], 0, 3), laneEpoch);
      const { conversationId, senderId } = numbered;
      expect([...(await edges.store.heads([conversationId, 'group:none' as ConversationId]))]).toEqual([
        [conversationId, 3],
      ]);
      const missing = { ...numbered, clientMsgId: 'never sent' };
      const stored = await edges.store.stored([numbered, missing]);
      expect(stored.map(({ identity }) => identity)).toEqual([identityOf(numbered)]);
      const [head] = (await edges.store.senders([{ conversationId, senderId }])).values();
      expect(head).toMatchObject({ senderSeq: 7, epoch: 0 });
      const page = await edges.store.unforwarded(message(partition, 1).msgId, 1);
      expect(page.map(({ msgId }) => msgId)).toEqual([numbered.msgId]);
    });

    test('keeps what is held until the plan that lets it out', async () => {
      const { edges, partition } = newLane();
      const { laneEpoch } = await edges.store.take();
      const { conversationId } = message(partition, 1);
      const held = heldMessage({ conversationId, logicOffset: 0 as LogicOffset });
      expect(await edges.store.store(planOf([], 0, 1, { held: [held] }), laneEpoch)).toEqual({ kind: 'stored' });
      expect((await edges.store.held()).map(({ logicOffset }) => logicOffset)).toEqual([0]);
      const out = { ...message(partition, 1), clientMsgId: held.clientMsgId };
      await edges.store.store(planOf([out], 1, 1, { floor: 0n, released: [held] }), laneEpoch);
      expect(await edges.store.held()).toEqual([]);
    });
  });

  describe('the log', () => {
    test('a former owner’s producer is fenced, and what it sends is never seen', async () => {
      const { edges, partition, delivered } = newLane();
      const former = await edges.log.fence();
      const owner = await edges.log.fence();
      const { laneEpoch } = await edges.store.take();
      const position = { nextOffset: 1 as LogicOffset, watermark: message(partition, 1).msgId };
      expect(await former.forward([message(partition, 1)], position, laneEpoch)).toMatchObject({ kind: 'fenced' });
      expect(await owner.forward([message(partition, 1)], position, laneEpoch)).toEqual({ kind: 'committed' });
      await Promise.all([former.discard(), owner.discard()]);
      expect(await delivered()).toEqual([message(partition, 1).conversationId]);
    });

    test('what was forwarded, the offset and the watermark are committed together, and read after the fence', async () => {
      const { edges, partition, delivered } = newLane();
      const owner = await edges.log.fence();
      expect((await edges.log.position()).committed).toBeNull();
      const { laneEpoch } = await edges.store.take();
      await owner.forward([], { nextOffset: 0 as LogicOffset, watermark: 0n as MsgId }, laneEpoch);
      const watermark = message(partition, 2).msgId;
      const both = [message(partition, 1), message(partition, 2)];
      await owner.forward(both, { nextOffset: 2 as LogicOffset, watermark }, laneEpoch);
      const next = await edges.log.fence();
      const { committed } = await edges.log.position();
      expect(committed).toEqual({ nextOffset: 2, metadata: String(watermark) });
      await Promise.all([owner.discard(), next.discard()]);
      expect(await delivered()).toHaveLength(2);
    });
  });
}

/** The `seq`-th message of the lane's only conversation. */
function message(partition: number, seq: number): StampedMessage {
  const groupId = `contract${partition}`;
  return stampedMessage({
    conversationId: `group:${groupId}` as ConversationId,
    groupId,
    seq: seq as Seq,
    msgId: ((1n << 30n) + (BigInt(partition) << 12n) + BigInt(seq)) as MsgId,
  });
}
