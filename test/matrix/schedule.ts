/**
 * Which fault when: a pure function of the seed, so that a run can be repeated as far as real processes allow. Faults
 * are dealt from a shuffled deck: each kind has its turn before any has its second.
 */
import { FAILPOINTS, type FailpointName } from '../../src/failpoint.js';
import { SeededRandom } from '../../src/workload/random.js';

/** Every kind of fault; the part before the dash is its group, for `--only`. */
export const FAULT_KINDS = {
  'kill-logic': 'kill -9 of a logic worker',
  'kill-ingest': 'kill -9 of the ingest stage',
  'kill-delivery': 'kill -9 of the delivery stage',
  'stop-logic': 'SIGSTOP, later SIGCONT of a logic worker',
  'stop-ingest': 'SIGSTOP, later SIGCONT of the ingest stage',
  'stop-delivery': 'SIGSTOP, later SIGCONT of the delivery stage',
  failpoint: 'failpoints armed in all workers',
  storm: 'a rebalance storm: workers join, leave and die',
  'broker-kill': 'kill -9 of a broker',
  'broker-pause': 'SIGSTOP of a broker beyond its session',
  'broker-roll': 'rolling restart of the three brokers',
  'postgres-kill': 'kill -9 of PostgreSQL',
  'postgres-stop': 'immediate stop of PostgreSQL',
  'postgres-cut': 'connections to PostgreSQL cut',
  'postgres-swallow': "PostgreSQL's replies to commits swallowed",
  'postgres-late': 'commits arrive after their connection was cut',
  'network-delay': 'delayed TCP between workers and servers',
  'network-cut': 'connections to all brokers cut',
  'network-silence': 'a broker falls silent, connections half open',
  'network-late': 'requests to the brokers arrive after their connection was cut and they were repeated',
  'disk-postgres': "PostgreSQL's disk is full",
  'disk-broker': "a broker's disk is full",
  clock: "a worker's clock steps",
  poison: 'a burst of poison messages',
} as const satisfies Record<string, string>;

export type FaultKind = keyof typeof FAULT_KINDS;

/** What ends a run, because it ends the pipeline. */
export const LAST_ACTS = {
  restore: 'the database restored to an older state: the lanes must halt, loudly',
  partitions: 'the partition count of a topic changed underneath: a start must be refused',
} as const;

export type LastAct = keyof typeof LAST_ACTS;

export interface PlannedFault {
  /** From the begin of the run; a fault that takes longer puts off what follows. */
  readonly atMs: number;
  readonly kind: FaultKind;
  /** Which of several: a broker, a worker; taken modulo their number. */
  readonly target: number;
  readonly lastsMs: number;
  /** Of a kind's own choices: a share of its range, 0 to 1. */
  readonly strength: number;
  /** In which workers `INORDER_FAILPOINTS` holds what. */
  readonly failpoints: readonly ArmedWorker[] | null;
}

export type Stage = 'ingest' | 'logic' | 'delivery';

export interface ArmedWorker {
  readonly stage: Stage;
  /** Which of the stage's workers, beginning with the fault's target. */
  readonly number: number;
  readonly points: string;
}

const FIRST_AT_MS = 5_000;
const EMISSION: FailpointName = 'takeover.during_emission';
const GAP_MS = [7_000, 12_000] as const;
const LASTS_MS = [1_000, 5_500] as const;
/** How often a kind is in the deck. Failpoints: each must be hit often, and there are many of them. */
const COPIES: Partial<Record<FaultKind, number>> = { failpoint: 16, 'kill-logic': 2, 'stop-logic': 2 };

export function planFaults(options: { seed: number; minutes: number; kinds: readonly FaultKind[] }): PlannedFault[] {
  const random = new SeededRandom(options.seed);
  const points = new PointDecks(random);
  const kinds = new Deck(
    options.kinds.flatMap((kind) => Array.from({ length: COPIES[kind] ?? 1 }, () => kind)),
    random,
  );
  const faults: PlannedFault[] = [];
  if (options.kinds.length === 0) return faults;
  for (let atMs = FIRST_AT_MS; atMs < options.minutes * 60_000; atMs += random.between(...GAP_MS)) {
    const kind = kinds.draw();
    faults.push({
      atMs,
      kind,
      target: random.between(0, 999),
      lastsMs: random.between(...LASTS_MS),
      strength: random.fraction(),
      failpoints: kind === 'failpoint' ? failpointsFrom(points, random) : null,
    });
  }
  return faults;
}

/** How many points are armed at once: in a logic worker, either of takeovers or of batches; in ingest and delivery together. */
const POINTS_A_WORKER = { takeover: 3, batch: 5, others: 4 };
const TAKEOVER_SHARE = 0.4;
export const LOGIC_WORKERS = 2;

/**
 * Points are dealt from three decks. Those of takeovers and those of batches are not armed together: a lane that is
 * kept from its takeover has no batches.
 */
class PointDecks {
  readonly #takeover: Deck<FailpointName>;
  readonly #batch: Deck<FailpointName>;
  readonly #others: Deck<FailpointName>;
  readonly #random: SeededRandom;

  constructor(random: SeededRandom) {
    const names = Object.keys(FAILPOINTS) as FailpointName[];
    const deckOf = (isIn: (name: FailpointName) => boolean): Deck<FailpointName> =>
      new Deck(names.filter(isIn), random);
    // Only a lane that has batches has something to emit again.
    const isTakeover = (name: FailpointName): boolean => name.startsWith('takeover.') && name !== EMISSION;
    this.#random = random;
    // The last of them is reached where none before it failed.
    this.#takeover = new Deck([...names.filter(isTakeover), 'takeover.before_holds'], random);
    this.#batch = deckOf((name) => stageOf(name) === 'logic' && !isTakeover(name));
    this.#others = deckOf((name) => stageOf(name) !== 'logic');
  }

  drawLogic(): FailpointName[] {
    return this.#random.chance(TAKEOVER_SHARE)
      ? this.#takeover.drawSome(POINTS_A_WORKER.takeover)
      : this.#batch.drawSome(POINTS_A_WORKER.batch);
  }

  drawOthers(): FailpointName[] {
    return this.#others.drawSome(POINTS_A_WORKER.others);
  }
}

/** Several points at once in each worker. */
function failpointsFrom(decks: PointDecks, random: SeededRandom): ArmedWorker[] {
  const others = decks.drawOthers();
  const armed = [
    ...Array.from({ length: LOGIC_WORKERS }, (_, number) => ({
      ...{ stage: 'logic' as const, number, names: decks.drawLogic() },
    })),
    ...(['ingest', 'delivery'] as const).map((stage) => ({
      ...{ stage, number: 0, names: others.filter((name) => stageOf(name) === stage) },
    })),
  ];
  return armed
    .filter(({ names }) => names.length > 0)
    .map(({ stage, number, names }) => ({ stage, number, points: rulesFor(names, random) }));
}

/** One that kills at most: a worker that dies as soon as it lives reaches no other. */
function rulesFor(names: readonly FailpointName[], random: SeededRandom): string {
  const rules = names.map((name, index) => ruleFor(name, random, index === 0));
  // Something is emitted again only where a store's outcome was lost.
  if (names.includes(EMISSION)) rules.push('logic.after_store=fail@30%');
  return [...rules, `seed=${random.between(1, 1_000_000)}`].join(';');
}

type Pace = 'rare' | 'batch' | 'message';

/** What a point is reached by: takeovers and holds are rare, messages many. */
function paceOf(name: FailpointName): Pace {
  if (/^(takeover|resequencing)\./.test(name)) return 'rare';
  return name.endsWith('_handler') ? 'message' : 'batch';
}

/** How often a point acts: each should act several times while it is armed, and yet let something through. */
const CHANCES = {
  rare: { killAt: 3, longPauseAt: 2, pausePercent: 80, delayPercent: 90, failPercent: 40, mostDelayMs: 600 },
  batch: { killAt: 10, longPauseAt: 10, pausePercent: 20, delayPercent: 50, failPercent: 20, mostDelayMs: 150 },
  message: { killAt: 200, longPauseAt: 100, pausePercent: 1, delayPercent: 4, failPercent: 1, mostDelayMs: 50 },
} as const satisfies Record<Pace, Record<string, number>>;

function ruleFor(name: FailpointName, random: SeededRandom, mayKill: boolean): string {
  const chances = CHANCES[paceOf(name)];
  const action = random.pick<'kill' | 'pause' | 'delay' | 'fail'>(
    mayKill ? ['kill', 'pause', 'delay', 'fail'] : ['pause', 'delay', 'fail'],
  );
  switch (action) {
    case 'kill':
      return `${name}=kill@${random.between(1, chances.killAt)}`;
    case 'pause':
      // Once longer than the group waits for a sign of life, or short and often.
      return random.chance(0.25)
        ? `${name}=pause:${random.between(3_500, 5_000)}@${random.between(1, chances.longPauseAt)}`
        : `${name}=pause:${random.between(50, 400)}@${chances.pausePercent}%`;
    case 'delay':
      return `${name}=delay:${random.between(5, chances.mostDelayMs)}@${chances.delayPercent}%`;
    case 'fail':
      return `${name}=fail@${chances.failPercent}%`;
  }
}

export function stageOf(name: FailpointName): Stage {
  if (name.startsWith('ingest.')) return 'ingest';
  return name.startsWith('delivery.') ? 'delivery' : 'logic';
}

/** `--only`: names of kinds and of groups of kinds. @returns null where one of them is neither */
export function chosen(only: string): { kinds: FaultKind[]; lastActs: LastAct[] } | { unknown: string } {
  const all = Object.keys(FAULT_KINDS) as FaultKind[];
  const acts = Object.keys(LAST_ACTS) as LastAct[];
  const wanted = only === '' ? [...all, ...acts] : only.split(',').map((name) => name.trim());
  const isMeant = (kind: string, name: string): boolean => kind === name || kind.startsWith(`${name}-`);
  const unknown = wanted.find((name) => ![...all, ...acts].some((kind) => isMeant(kind, name)));
  if (unknown !== undefined) return { unknown };
  return {
    kinds: all.filter((kind) => wanted.some((name) => isMeant(kind, name))),
    lastActs: acts.filter((act) => wanted.includes(act)),
  };
}

/** Deals everything once, in an order of chance, before anything twice. */
class Deck<T> {
  readonly #cards: readonly T[];
  readonly #random: SeededRandom;
  #left: T[] = [];

  constructor(cards: readonly T[], random: SeededRandom) {
    this.#cards = cards;
    this.#random = random;
  }

  drawSome(count: number): T[] {
    return Array.from({ length: count }, () => this.draw());
  }

  draw(): T {
    if (this.#left.length === 0) this.#left = [...this.#cards];
    const [card] = this.#left.splice(this.#random.between(0, this.#left.length - 1), 1);
    if (card === undefined) throw new Error('a deck without cards');
    return card;
  }
}
