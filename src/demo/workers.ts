/** The two logic workers: which of them owns what, and the end of one of them. */
import { setTimeout as delay } from 'node:timers/promises';
import { InorderError } from '../errors.js';
import type { Database } from '../postgres/database.js';
import { readLanes, type LaneRow } from '../postgres/inspect.js';
import type { StageChild } from '../sandbox/stage-child.js';
import type { Delivered, Kill } from './evidence.js';

/** A kill whose consequences are still to come. */
export interface Killed {
  readonly pid: number;
  /** The epoch of each lane that it owned, by partition. */
  readonly epochs: ReadonlyMap<number, number>;
  /** Monotonic. */
  readonly atMs: number;
}

export const READY_LIMIT_MS = 60_000;
const POLL_MS = 50;

/**
 * Resolves when all lanes are owned, and each worker owns some. @throws InorderError server_start_failed where a worker
 * ended, or the lanes are not shared out within a minute
 */
export async function untilLanesAreShared(
  database: Database,
  workers: readonly StageChild[],
  partitions: number,
  stop: AbortSignal,
): Promise<void> {
  await Promise.all(workers.map((worker) => worker.logged(READY, READY_LIMIT_MS)));
  const giveUpMs = performance.now() + READY_LIMIT_MS;
  for (;;) {
    stop.throwIfAborted();
    const lanes = await readLanes(database);
    const shares = workers.map(({ pid }) => lanes.filter((lane) => isOf(lane, pid)).length);
    const owned = shares.reduce((sum, share) => sum + share, 0);
    if (owned === partitions && shares.every((share) => share > 0)) return;
    if (performance.now() > giveUpMs) {
      throw new InorderError('server_start_failed', `the workers own ${owned} of ${partitions} lanes after a minute`);
    }
    await delay(POLL_MS);
  }
}

/** What a stage logs when it is ready: one JSON object a line. */
export const READY = /"event":"ready"/;

/** kill -9 of the worker that owns the lane. @throws InorderError invariant_broken where nobody does */
export async function killOwner(
  database: Database,
  workers: readonly StageChild[],
  partition: number,
): Promise<Killed> {
  const lanes = await readLanes(database);
  const lane = lanes.find((one) => one.partition === partition);
  const victim = workers.find(({ pid }) => lane !== undefined && isOf(lane, pid));
  if (victim === undefined) throw new InorderError('invariant_broken', `no worker owns lane ${partition}`);
  const epochs = new Map(lanes.filter((one) => isOf(one, victim.pid)).map((one) => [one.partition, one.epoch]));
  const atMs = performance.now();
  await victim.kill();
  return { pid: victim.pid, epochs, atMs };
}

/** What came of it. @param begunMs when the first message was sent; monotonic */
export function consequences(
  { pid, epochs, atMs }: Killed,
  delivered: readonly Delivered[],
  { begunMs, sessionTimeoutMs }: { readonly begunMs: number; readonly sessionTimeoutMs: number },
): Kill {
  const first = delivered.find(({ partition, laneEpoch }) => laneEpoch > (epochs.get(partition) ?? Infinity));
  return {
    pid,
    lanes: [...epochs.keys()],
    afterMs: Math.round(atMs - begunMs),
    firstDeliveryMs: first === undefined ? null : Math.round(first.readMs - atMs),
    sessionTimeoutMs,
  };
}

function isOf(lane: LaneRow, pid: number): boolean {
  return lane.owner.endsWith(` ${pid}`);
}
