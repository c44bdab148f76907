/** What many seeds come to. */
export interface Figures {
  readonly from: number;
  readonly seeds: number;
  readonly records: number;
  readonly faults: number;
  readonly virtualHours: number;
  readonly seconds: number;
  /** Things looked at, by the checker's rules; calls of handlers. */
  readonly judged: Readonly<Record<string, number>>;
  readonly failures: readonly { readonly seed: number; readonly broken: readonly string[]; readonly repeat: string }[];
}

export const NOTHING_RUN: Figures = {
  ...{ from: 0, seeds: 0, records: 0, faults: 0, virtualHours: 0, seconds: 0 },
  judged: {},
  failures: [],
};

export function plus(a: Figures, b: Figures): Figures {
  const judged: Record<string, number> = { ...a.judged };
  for (const [name, count] of Object.entries(b.judged)) judged[name] = (judged[name] ?? 0) + count;
  return {
    from: a.from,
    seeds: a.seeds + b.seeds,
    records: a.records + b.records,
    faults: a.faults + b.faults,
    virtualHours: a.virtualHours + b.virtualHours,
    seconds: a.seconds + b.seconds,
    judged,
    failures: [...a.failures, ...b.failures],
  };
}

export function seedsPerMinute({ seeds, seconds }: Figures): number {
  return Math.round((seeds * 60) / seconds);
}

export function sentenceOf(figures: Figures): string {
  const { seeds, from, records, faults, virtualHours, seconds } = figures;
  return (
    `${seeds} seeds from ${from}: ${records} records, ${faults} faults, ${virtualHours.toFixed(1)} simulated hours ` +
    `in ${seconds.toFixed(0)} s, ${seedsPerMinute(figures)} seeds a minute.`
  );
}
