/** Everything that may happen next in a world: what servers do, what workers hear, and what goes wrong. */
import { wantsBatch } from '../../src/lane/step.js';
import { canMatter, perform, mayWrite, timeOut } from './servers.js';
import { describeReply, describeRequest } from './words.js';
import { feed, giveUp, hear, isDue, letGo, newWorker, post, put } from './worker.js';
import type { Request, World } from './world.js';

export interface Move {
  /** Who does what; made when a trace is printed. */
  readonly text: () => string;
  readonly to: () => World;
}

export function movesOf(world: World): Move[] {
  return [
    ...assignments(world),
    ...workersMoves(world),
    ...adriftMoves(world),
    ...windowMoves(world),
    ...faultsOf(world),
  ];
}

/** Without an owner the group picks one. While there is one, that the group picks another unheard is a fault. */
function assignments(world: World): Move[] {
  const free = world.workers.indexOf(null);
  const hasOwner = world.workers.some((worker) => worker !== null);
  if (free < 0 || (hasOwner && world.faultsLeft === 0)) return [];
  const name = ['A', 'B', 'C', 'D'].find((one) => !world.workers.some((worker) => worker?.name === one)) ?? '?';
  return [
    {
      text: () => `the group gives the lane to ${name}${hasOwner ? ', and its owner does not hear of it' : ''}`,
      to: () => post(put(hasOwner ? costs(world) : world, free, newWorker(name)), free, { kind: 'assigned' }),
    },
  ];
}

function workersMoves(world: World): Move[] {
  const moves: Move[] = [];
  world.workers.forEach((worker, index) => {
    if (worker === null) return;
    for (const request of worker.pending) moves.push(...done(world, index, worker.name, request));
    const left = world.rules.drafts.length - worker.fetchOffset;
    if (!wantsBatch(worker.lane)) return;
    if (isDue(world, worker)) {
      moves.push({ text: () => `${worker.name} lets out what is due`, to: () => feed(world, index, 0) });
    }
    for (let count = 1; count <= Math.min(2, left); count++) {
      moves.push({
        text: () =>
          `${worker.name} takes ${count === 1 ? 'a record' : `${count} records`} from offset ${worker.fetchOffset}`,
        to: () => feed(world, index, count),
      });
    }
  });
  return moves;
}

function done(world: World, index: number, name: string, request: Request): Move[] {
  return perform(world, request).map(({ world: after, reply }) => ({
    text: () => `${describeRequest(request, name)}: ${describeReply(reply, request)}`,
    to: () => hear(after, index, request, reply),
  }));
}

function adriftMoves(world: World): Move[] {
  return world.adrift
    .filter((request) => canMatter(world, request))
    .flatMap((request) =>
      perform(world, request).map(({ world: after, reply }) => ({
        text: () => `late, ${describeRequest(request, 'nobody')}: ${describeReply(reply, request)}`,
        to: () => ({ ...after, adrift: after.adrift.filter((other) => other !== request) }),
      })),
    );
}

/** Time passes until every window is over. */
function windowMoves(world: World): Move[] {
  const lastMs = Math.max(...world.held.map(({ deadline }) => deadline));
  if (lastMs <= world.nowMs) return [];
  return [{ text: () => 'the windows of what is held end', to: () => ({ ...world, nowMs: lastMs }) }];
}

function faultsOf(world: World): Move[] {
  if (world.faultsLeft === 0) return [];
  const after = costs(world);
  const moves: Move[] = [];
  world.workers.forEach((worker, index) => {
    if (worker === null) return;
    const { name } = worker;
    moves.push({ text: () => `FAULT ${name} dies`, to: () => letGo(after, index) });
    for (const request of worker.pending) {
      moves.push({
        text: () => `FAULT ${name} gives up waiting for ${request.kind}`,
        to: () => giveUp(after, index, request),
      });
      if (!isReused(world, request)) continue;
      for (const { world: done } of perform(after, request)) {
        moves.push({
          text: () => `FAULT ${describeRequest(request, name)}; the reply is lost`,
          to: () => giveUp(done, index, request),
        });
      }
    }
    if (world.rules.stops && worker.lane.phase !== 'draining') {
      moves.push({ text: () => `${name} is told to stop`, to: () => post(after, index, { kind: 'stop' }) });
    }
  });
  const open = world.kafka.log.some(({ state, producerEpoch }) => state === 'open' && mayWrite(world, producerEpoch));
  if (open && world.rules.breakage !== 'no-kafka-fence') {
    moves.push({ text: () => 'FAULT Kafka ends a transaction that is open for too long', to: () => timeOut(after) });
  }
  return moves;
}

function costs(world: World): World {
  return { ...world, faultsLeft: world.faultsLeft - 1 };
}

/** A producer used again has its requests on one connection: what it gave up waiting for was done, or never will be. */
function isReused({ rules }: World, { kind }: Request): boolean {
  return rules.breakage === 'producer-reused-after-unknown' && (kind === 'produce' || kind === 'end');
}
