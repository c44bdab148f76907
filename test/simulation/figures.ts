/** What many seeds come to. */
export interface Figures {
  readonly seeds: number;
  /** Which they were: the first and the last of each stretch. */
  readonly stretches: readonly (readonly [first: number, last: number])[];
  readonly records: number;
  readonly faults: number;
  readonly virtualHours: number;
  readonly seconds: number;
  /** Things looked at, by the checker's rules; calls of handlers. */
  readonly judged: Readonly<Record<string, number>>;
  readonly failures: readonly { readonly seed: number; readonly broken: readonly string[]; readonly repeat: string }[];
}

export const NOTHING_RUN: Figures = {
  ...{ seeds: 0, stretches: [], records: 0, faults: 0, virtualHours: 0, seconds: 0 },
  judged: {},
  failures: [],
};

export function plus(a: Figures, b: Figures): Figures {
  const judged: Record<string, number> = { ...a.judged };
  for (const [name, count] of Object.entries(b.judged)) judged[name] = (judged[name] ?? 0) + count;
  return {
    seeds: a.seeds + b.seeds,
    stretches: joined(a.stretches, b.stretches),
    records: a.records + b.records,
    faults: a.faults + b.faults,
    virtualHours: a.virtualHours + b.virtualHours,
    seconds: a.seconds + b.seconds,
    judged,
    failures: [...a.failures, ...b.failures],
  };
}

/** A stretch that begins where the one before it ends goes on with it. */
function joined(a: Figures['stretches'], b: Figures['stretches']): Figures['stretches'] {
  const [next, ...rest] = b;
  const last = a.at(-1);
  if (next === undefined || last?.[1] !== next[0] - 1) return [...a, ...b];
  return [...a.slice(0, -1), [last[0], next[1]], ...rest];
}

export function seedsPerMinute({ seeds, seconds }: Figures): number {
  return Math.round((seeds * 60) / seconds);
}

export function sentenceOf(figures: Figures): string {
  const { seeds, stretches, records, faults, virtualHours, seconds } = figures;
  const which = stretches.map(([first, last]) => `${first} to ${last}`).join(', ');
  return (
    `${seeds} seeds (${which}): ${records} records, ${faults} faults, ${virtualHours.toFixed(1)} simulated hours ` +
    `in ${seconds.toFixed(0)} s, ${seedsPerMinute(figures)} seeds a minute.`
  );
}
