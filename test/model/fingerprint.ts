/**
 * What a world is, without what can't matter any more: which name a worker has, how high an epoch is (only whether it
 * is still the current one), how often a takeover failed. Worlds that agree in this have the same future.
 */
import type { StoredHold } from '../../src/ordering/held.js';
import type { Plan } from '../../src/ordering/plan.js';
import type { Stamped } from '../../src/protocol/message.js';
import { canMatter } from './servers.js';
import type { Request, Transaction, Worker, World } from './world.js';

/** The world's fingerprint: 53 bits. */
export function fingerprint(world: World): number {
  const { row, rows, kafka, workers, adrift, faultsLeft } = world;
  const { committed, formerlyCommitted: former, lastBatch } = kafka;
  const owners = workers.map((worker) => (worker === null ? '' : workerText(world, worker)));
  const late = adrift.filter((request) => canMatter(world, request)).map((request) => requestText(world, request));
  let text = `${faultsLeft} ${row.nextOffset} ${row.lastMsgId} ${stampedText(rows)}`;
  text += ` ${heldText(world, world.held)}`;
  for (const one of kafka.log) text += ` ${transactionText(world, one)}`;
  text += `\n${committed?.nextOffset} ${committed?.metadata} ${lastBatch?.count}`;
  text += former === 'none' ? '-' : `${former?.nextOffset} ${former?.metadata}`;
  return hashOf(`${text}\n${owners.sort().join('\n')}\n${late.sort().join(' ')}`);
}

function stampedText(stamped: readonly Stamped[]): string {
  let text = '';
  for (const one of stamped) text += `${one.place.offset}:${one.msgId}:${one.kind === 'message' ? one.seq : 'd'},`;
  return text;
}

function transactionText({ kafka, rules }: World, one: Transaction): string {
  const text = `${one.state} ${stampedText(one.stamped)}`;
  if (one.state !== 'open') return text;
  return `${rules.breakage === 'no-kafka-fence' ? one.producerEpoch : one.producerEpoch === kafka.producerEpoch} ${text}`;
}

function workerText(world: World, worker: Worker): string {
  const { lane, memory, producer, fetchOffset, pending, earlyPosition, storeNext } = worker;
  const own = pending.map((request) => requestText(world, request)).sort();
  return [
    lane.phase,
    laneEpochText(world, lane.laneEpoch),
    `${lane.nextOffset} ${lane.lastMsgId} ${lane.watermark} ${lane.committedOffset} ${lane.storing}`,
    lane.waiting.map((plan) => planText(plan)).join(' '),
    `${lane.forwarding?.nextOffset} ${lane.forwarding?.watermark} ${lane.forwarding?.last} ${fetchOffset}`,
    memory === null ? '' : memoryText(world, memory),
    producer === null ? '' : producerText(world, producer),
    earlyPosition?.committed?.metadata,
    storeNext === null ? '' : requestText(world, storeNext),
    ...own,
  ].join(';');
}

function laneEpochText(world: World, epoch: number): string {
  if (epoch === 0) return '0';
  return epoch === world.row.epoch ? 'current' : 'former';
}

function producerText({ kafka, rules }: World, { epoch, sequence }: { epoch: number; sequence: number }): string {
  if (rules.breakage === 'no-kafka-fence') return String(epoch);
  if (epoch !== kafka.producerEpoch) return 'former';
  return `current ${kafka.lastBatch === null ? sequence : sequence - kafka.lastBatch.sequence}`;
}

function planText({ stamped, fromOffset, nextOffset, held, released }: Plan): string {
  const moved = `${held.map(nameOf).join()} ${released.map(nameOf).join()}`;
  return `${fromOffset}-${nextOffset} ${stampedText(stamped)} ${moved}`;
}

function nameOf({ logicOffset, deadline }: StoredHold): string {
  return `${logicOffset}/${deadline}`;
}

/** What is held, and how long yet. */
function heldText({ nowMs }: World, held: readonly StoredHold[]): string {
  return held.map(({ logicOffset, deadline }) => `${logicOffset}+${deadline - nowMs}`).join(' ');
}

function memoryText(world: World, { nextOffset, caughtUpOffset, held, plans }: NonNullable<Worker['memory']>): string {
  return `${nextOffset} ${caughtUpOffset} ${heldText(world, held)} ${plans.map(planText).join(' ')}`;
}

function requestText(world: World, request: Request): string {
  switch (request.kind) {
    case 'take':
      return `take ${laneEpochText(world, request.foundEpoch)}`;
    case 'epoch':
      return `epoch ${request.position.committed?.nextOffset} ${request.position.committed?.metadata}`;
    case 'unforwarded':
      return `unforwarded ${request.after}`;
    case 'store':
      return `store ${laneEpochText(world, request.laneEpoch)} ${planText(request.plan)} ${request.isSecondTry}`;
    case 'produce':
    case 'end':
    case 'abort': {
      const { producer, forward } = request;
      const produced = request.kind === 'abort' && request.wasProduced;
      const position = `${forward.nextOffset} ${forward.watermark} ${produced}`;
      return `${request.kind} ${producerText(world, producer)} ${position} ${stampedText(forward.stamped)}`;
    }
    default:
      return request.kind;
  }
}

/** A global is looked up slowly inside a test runner's realm, and this one is needed for every character. */
const { imul } = Math;

/** 53 bits of a text. */
function hashOf(text: string): number {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    high = imul(high ^ code, 2654435761);
    low = imul(low ^ code, 1597334677);
  }
  high = imul(high ^ (high >>> 16), 2246822507) ^ imul(low ^ (low >>> 13), 3266489909);
  low = imul(low ^ (low >>> 16), 2246822507) ^ imul(high ^ (high >>> 13), 3266489909);
  return 4294967296 * (2097151 & low) + (high >>> 0);
}
