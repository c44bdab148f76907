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
  failpoint: 'failpoints armed in a worker of each stage',
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
  /** What `INORDER_FAILPOINTS` holds, by stage. */
  readonly failpoints: Readonly<Record<Stage, string>> | null;
}

export type Stage = 'ingest' | 'logic' | 'delivery';

const FIRST_AT_MS = 5_000;
const GAP_MS = [7_000, 12_000] as const;
const LASTS_MS = [1_000, 5_500] as const;
/** How often a kind is in the deck. Failpoints: each must be hit often, and there are many of them. */
const COPIES: Partial<Record<FaultKind, number>> = { failpoint: 10, 'kill-logic': 2, 'stop-logic': 2 };

export function planFaults(options: { seed: number; minutes: number; kinds: readonly FaultKind[] }): PlannedFault[] {
  const random = new SeededRandom(options.seed);
  const names = new Deck(Object.keys(FAILPOINTS) as FailpointName[], random);
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
      failpoints: kind === 'failpoint' ? failpointsFrom(names, random) : null,
    });
  }
  return faults;
}

/**
 * Several points at once in each stage. Those of takeovers are reached a few times in each life only, so most of them
 * act each time; those that every batch passes act now and then.
 */
function failpointsFrom(names: Deck<FailpointName>, random: SeededRandom): Record<Stage, string> {
  const rules: Record<Stage, string[]> = { ingest: [], logic: [], delivery: [] };
  for (let i = 0; i < 8; i++) {
    const name = names.draw();
    rules[stageOf(name)].push(ruleFor(name, random));
    // Something is emitted again only where a store's outcome was lost.
    if (name === 'takeover.during_emission') rules.logic.push('logic.after_store=fail@15%');
  }
  const seed = `seed=${random.between(1, 1_000_000)}`;
  const text = (stage: Stage): string => (rules[stage].length === 0 ? '' : [...rules[stage], seed].join(';'));
  return { ingest: text('ingest'), logic: text('logic'), delivery: text('delivery') };
}

function ruleFor(name: FailpointName, random: SeededRandom): string {
  const isRare = /^(takeover|resequencing)\./.test(name);
  const action = random.pick<'kill' | 'pause' | 'delay' | 'fail'>(['kill', 'pause', 'delay', 'fail']);
  switch (action) {
    case 'kill':
      return `${name}=kill@${isRare ? random.between(1, 4) : random.between(3, 40)}`;
    case 'pause':
      // Once longer than the group waits for a sign of life, or short and often.
      return random.chance(0.3)
        ? `${name}=pause:${random.between(3_500, 5_000)}@${random.between(1, isRare ? 2 : 20)}`
        : `${name}=pause:${random.between(50, 600)}@${isRare ? 60 : 4}%`;
    case 'delay':
      return `${name}=delay:${random.between(5, isRare ? 800 : 150)}@${isRare ? 90 : 25}%`;
    case 'fail':
      return `${name}=fail@${isRare ? 50 : 6}%`;
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

  draw(): T {
    if (this.#left.length === 0) this.#left = [...this.#cards];
    const [card] = this.#left.splice(this.#random.between(0, this.#left.length - 1), 1);
    if (card === undefined) throw new Error('a deck without cards');
    return card;
  }
}
