/**
 * What rooms count with. Names are Prometheus names (`inorder_<room>_<what>_<unit>`, counters end in `_total`);
 * prometheus.ts stands behind it. Asking twice for one name gives the same instrument, so that two lanes may share it.
 */
export type Labels = Readonly<Record<string, string | number>>;

export interface Counter {
  /** Adds `count` (1 unless told); never negative. */
  inc(count?: number, labels?: Labels): void;
}

export interface Gauge {
  set(value: number, labels?: Labels): void;
  /** Forgets one label set, so that what is gone isn't reported at its last value for ever. */
  remove(labels: Labels): void;
}

export interface Histogram {
  observe(value: number, labels?: Labels): void;
}

export interface Metrics {
  counter(name: string, help: string, labelNames?: readonly string[]): Counter;
  gauge(name: string, help: string, labelNames?: readonly string[]): Gauge;
  /** `buckets` are upper bounds in the unit of the name, ascending. */
  histogram(name: string, help: string, buckets: readonly number[], labelNames?: readonly string[]): Histogram;
  /** Everything counted so far, as text for a scrape. */
  exposition(): Promise<Exposition>;
}

export interface Exposition {
  readonly contentType: string;
  readonly body: string;
}

const nothing = (): void => undefined;

/** Counts nothing; for tests and for library users who bring no metrics. */
export const silentMetrics: Metrics = {
  counter: () => ({ inc: nothing }),
  gauge: () => ({ set: nothing, remove: nothing }),
  histogram: () => ({ observe: nothing }),
  exposition: async () => ({ contentType: 'text/plain', body: '' }),
};
