import * as prometheus from 'prom-client';
import { invariant } from '../invariant.js';
import type { Metrics } from './metrics.js';

type Kind = 'counter' | 'gauge' | 'histogram';

/** Metrics in a registry of their own, with Node's process metrics (CPU, memory, event loop, GC) beside ours. */
export function createMetrics(): Metrics {
  const registry = new prometheus.Registry();
  prometheus.collectDefaultMetrics({ register: registry });
  const made = new Map<string, { kind: Kind; instrument: unknown }>();

  /** One name, one instrument: the second asker gets the first one's. */
  function once<T>(kind: Kind, name: string, make: () => T): T {
    const known = made.get(name);
    if (known !== undefined) {
      invariant(known.kind === kind, `metric ${name} is a ${known.kind}, not a ${kind}`);
      return known.instrument as T;
    }
    const instrument = make();
    made.set(name, { kind, instrument });
    return instrument;
  }

  return {
    counter: (name, help, labelNames = []) =>
      once('counter', name, () => {
        const counter = new prometheus.Counter({ name, help, labelNames: [...labelNames], registers: [registry] });
        return { inc: (count = 1, labels = {}) => counter.inc(labels, count) };
      }),
    gauge: (name, help, labelNames = []) =>
      once('gauge', name, () => {
        const gauge = new prometheus.Gauge({ name, help, labelNames: [...labelNames], registers: [registry] });
        return { set: (value, labels = {}) => gauge.set(labels, value), remove: (labels) => gauge.remove(labels) };
      }),
    histogram: (name, help, buckets, labelNames = []) =>
      once('histogram', name, () => {
        const options = { name, help, buckets: [...buckets], labelNames: [...labelNames], registers: [registry] };
        const histogram = new prometheus.Histogram(options);
        return { observe: (value, labels = {}) => histogram.observe(labels, value) };
      }),
    exposition: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}
