/**
 * A history over time, for the plots of a report: at most 600 buckets whatever was read, each with what a plot needs of
 * its records. A violation is counted in the bucket of its time and never thinned out. Records may come in any order of
 * time, as partitions are read one after the other: buckets that grow too many are merged in pairs.
 */
import type { IngestRecord } from '../evidence.js';
import type { RuleName } from '../rules/catalogue.js';
import type { Delivered } from '../so-far.js';
import type { Exhibit, Finding } from '../verdict.js';
import { PlaceClock } from './place-clock.js';

const MOST_BUCKETS = 600;
/** Latencies in steps of the square root of 2, from 1 ms to 2^24 ms (4.7 hours); what is outside is at the edge. */
const LATENCY_STEPS = 49;
const STEPS_A_DOUBLING = 2;

/** A stretch of time and what was delivered in it. */
export interface TimeBucket {
  delivered: number;
  /** How far messages were from their turn: the number a conversation was to go on with, taken from the one it had. */
  mostAhead: number;
  mostBehind: number;
  /** Messages by latency, in the steps of `latencyOfStep`. */
  readonly latencies: Uint32Array;
  readonly violations: Map<RuleName, number>;
}

export interface TimelinePlotted {
  /** What the axis counts: ms since 1970 UTC, or, where the records carry no time, offsets. */
  readonly axis: 'time' | 'offset';
  /** Of a bucket, in the unit of the axis. */
  readonly width: number;
  /** In order, with where each begins; stretches without a record are left out. */
  readonly buckets: readonly { readonly from: number; readonly bucket: TimeBucket }[];
  /** Violations that could not be given a time, by rule. */
  readonly timeless: ReadonlyMap<RuleName, number>;
}

/** Feed it with the hooks of `checkEvidence`. */
export class Timeline {
  #axis: 'time' | 'offset' | null = null;
  #width = 1;
  #buckets = new Map<number, TimeBucket>();
  #first = Number.POSITIVE_INFINITY;
  #last = Number.NEGATIVE_INFINITY;
  /** Of the deliveries, first and last on the axis. */
  #from = Number.POSITIVE_INFINITY;
  #to = Number.NEGATIVE_INFINITY;
  readonly #clocks = new Map<string, PlaceClock>();
  readonly #topics: { readonly ingest: string; readonly delivery: string };
  readonly #timeless = new Map<RuleName, number>();

  constructor(topics: { readonly ingest: string; readonly delivery: string }) {
    this.#topics = topics;
  }

  ingested({ partition, offset, said }: IngestRecord): void {
    const sentAt = said?.sentAt ?? null;
    if (sentAt !== null) this.#clockOf(this.#topics.ingest, partition).pass(offset, sentAt);
  }

  /** @param placesOff how far it was from its turn; 0 is in order, negative after it. */
  delivered(record: Delivered, placesOff: number): void {
    const { partition, offset, timestampMs, message } = record;
    const timeMs = timestampMs ?? message.stampedAt;
    this.#axis ??= timeMs === null ? 'offset' : 'time';
    const at = this.#axis === 'offset' ? offset : timeMs;
    if (at === null) return;
    this.#clockOf(this.#topics.delivery, partition).pass(offset, at);
    if (at < this.#from) this.#from = at;
    if (at > this.#to) this.#to = at;
    const bucket = this.#bucketAt(at);
    bucket.delivered += 1;
    if (placesOff > bucket.mostAhead) bucket.mostAhead = placesOff;
    if (placesOff < bucket.mostBehind) bucket.mostBehind = placesOff;
    const cameAt = message.receivedAt ?? message.sentAt;
    if (timeMs === null || cameAt === null) return;
    const step = stepOfLatency(timeMs - cameAt);
    bucket.latencies[step] = (bucket.latencies[step] as number) + 1;
  }

  found({ rule, exhibits }: Finding): void {
    const at = this.#timeOf(exhibits);
    if (at === null) {
      this.#timeless.set(rule, (this.#timeless.get(rule) ?? 0) + 1);
      return;
    }
    // A sender's clock may say anything: it must not stretch the plot beyond what was delivered.
    const isBounded = this.#from <= this.#to;
    const { violations } = this.#bucketAt(isBounded ? Math.min(Math.max(at, this.#from), this.#to) : at);
    violations.set(rule, (violations.get(rule) ?? 0) + 1);
  }

  plotted(): TimelinePlotted {
    const buckets = [...this.#buckets]
      .sort(([a], [b]) => a - b)
      .map(([number, bucket]) => ({ from: number * this.#width, bucket }));
    return { axis: this.#axis ?? 'time', width: this.#width, buckets, timeless: this.#timeless };
  }

  /** Of the last thing a finding shows that has a time: what is wrong is said last. */
  #timeOf(exhibits: readonly Exhibit[]): number | null {
    for (const exhibit of [...exhibits].reverse()) {
      if (exhibit.kind === 'row' && exhibit.atMs !== null && this.#axis !== 'offset') return exhibit.atMs;
      if (exhibit.kind !== 'record') continue;
      const isTimed = this.#axis !== 'offset' || exhibit.topic === this.#topics.delivery;
      const at = this.#clocks.get(`${exhibit.topic}\n${exhibit.partition}`)?.timeOf(exhibit.offset) ?? null;
      if (isTimed && at !== null) return at;
    }
    return null;
  }

  #clockOf(topic: string, partition: number): PlaceClock {
    const key = `${topic}\n${partition}`;
    let clock = this.#clocks.get(key);
    if (clock === undefined) this.#clocks.set(key, (clock = new PlaceClock()));
    return clock;
  }

  #bucketAt(at: number): TimeBucket {
    let number = Math.floor(at / this.#width);
    if (number < this.#first || number > this.#last) {
      this.#first = Math.min(this.#first, number);
      this.#last = Math.max(this.#last, number);
      while (this.#last - this.#first >= MOST_BUCKETS) this.#widen();
      number = Math.floor(at / this.#width);
    }
    let bucket = this.#buckets.get(number);
    if (bucket === undefined) this.#buckets.set(number, (bucket = emptyBucket()));
    return bucket;
  }

  #widen(): void {
    const before = this.#buckets;
    this.#buckets = new Map();
    this.#width *= 2;
    this.#first = Math.floor(this.#first / 2);
    this.#last = Math.floor(this.#last / 2);
    for (const [number, bucket] of before) {
      const half = Math.floor(number / 2);
      const into = this.#buckets.get(half);
      if (into === undefined) this.#buckets.set(half, bucket);
      else merge(into, bucket);
    }
  }
}

function emptyBucket(): TimeBucket {
  return {
    delivered: 0,
    mostAhead: 0,
    mostBehind: 0,
    latencies: new Uint32Array(LATENCY_STEPS),
    violations: new Map(),
  };
}

function merge(into: TimeBucket, { delivered, mostAhead, mostBehind, latencies, violations }: TimeBucket): void {
  into.delivered += delivered;
  into.mostAhead = Math.max(into.mostAhead, mostAhead);
  into.mostBehind = Math.min(into.mostBehind, mostBehind);
  latencies.forEach((count, step) => (into.latencies[step] = (into.latencies[step] as number) + count));
  for (const [rule, count] of violations) into.violations.set(rule, (into.violations.get(rule) ?? 0) + count);
}

function stepOfLatency(latencyMs: number): number {
  if (latencyMs <= 1) return 0;
  return Math.min(LATENCY_STEPS - 1, Math.round(Math.log2(latencyMs) * STEPS_A_DOUBLING));
}

/** What a step of a bucket's latencies stands for, ms. */
export function latencyOfStep(step: number): number {
  return 2 ** (step / STEPS_A_DOUBLING);
}

/** The latency that a share of the messages did not exceed, ms, to a step; null where none is known. */
export function latencyAt(latencies: Uint32Array, share: number): number | null {
  const total = latencies.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  let passed = 0;
  const step = latencies.findIndex((count) => (passed += count) >= share * total);
  return latencyOfStep(step);
}
