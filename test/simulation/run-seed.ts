import { ALL_ARRIVED_MS } from './network.js';
import type { SimProcess } from './scheduler.js';
import { type Flaws, SimWorld } from './sim-world.js';
import { workload } from './sim-workload.js';

export interface SeedResult {
  readonly seed: number;
  readonly records: number;
  /** Kills, freezes, rebalances, clock steps, transactions timed out, and requests that went wrong. */
  readonly faults: number;
  /** Virtual ms from the first fault to everything at rest. */
  readonly virtualMs: number;
  /** What the promises forbid, in words; empty when all hold. */
  readonly broken: readonly string[];
  /** Things looked at, by the checker's rules; calls of handlers. Empty where all never came to rest. */
  readonly judged: Readonly<Record<string, number>>;
}

const TROUBLE_MS = 10_000;
const REST_LIMIT_MS = 120_000;

/** One simulated history: load and faults, then healing, rest, and judgement. The same seed is the same history. */
export async function runSeed(seed: number, flaws: Flaws = {}): Promise<SeedResult> {
  const world = new SimWorld(seed, flaws);
  const chance = Math.random;
  Math.random = () => world.random.fraction(); // what waits before it tries again
  try {
    return { seed, ...(await history(world)) };
  } finally {
    Math.random = chance;
  }
}

async function history(world: SimWorld): Promise<Omit<SeedResult, 'seed'>> {
  const { random, scheduler, network } = world;
  const sent = workload(random, 10 + random.below(30), TROUBLE_MS * 0.8);
  for (const { atMs, partition, value } of sent) {
    scheduler.in(atMs, () => {
      world.kafka.append([{ topic: 'im.ingest', partition, key: null, value, headers: {} }]);
    });
  }
  network.faultRate = [0, 0.01, 0.05, 0.15][random.below(4)] ?? 0;
  for (let i = 1 + random.below(3); i > 0; i--) world.startProcess();
  const troubles = random.below(7);
  for (let i = 0; i < troubles; i++) scheduler.in(random.below(TROUBLE_MS), () => trouble(world));
  await scheduler.runUntil(TROUBLE_MS);
  world.heal();
  await scheduler.runUntil(TROUBLE_MS + ALL_ARRIVED_MS);
  while (!world.isAtRest && !world.isBroken && scheduler.nowMs <= REST_LIMIT_MS) {
    await scheduler.runUntil(scheduler.nowMs + 500);
  }
  const { broken, judged } = await world.verdict();
  const result = { records: sent.length, faults: troubles + network.faultCount, virtualMs: scheduler.nowMs, judged };
  return { ...result, broken: world.isAtRest ? broken : ['never at rest', ...broken] };
}

function trouble(world: SimWorld): void {
  const { random, scheduler } = world;
  const victim: SimProcess | undefined = world.living[random.below(world.living.length)];
  switch (random.below(7)) {
    case 0:
    case 1:
      if (victim !== undefined) world.kill(victim);
      scheduler.in(random.below(4_000), () => world.startProcess());
      break;
    case 2:
      if (victim !== undefined) world.freeze(victim, random.below(5_000));
      break;
    case 3:
      world.rebalance();
      break;
    case 4:
      if (victim !== undefined) victim.clockErrorMs = random.below(7_200_000) - 3_600_000;
      break;
    case 5:
      if (victim !== undefined) world.stop(victim);
      scheduler.in(random.below(2_000), () => world.startProcess());
      break;
    default:
      world.kafka.timeOutTransactions();
  }
}
