/**
 * Ingest owners over one topic in memory, and the topics they write to: sends are answered, lost, cut short or arrive
 * late when told to; owners are suspended, killed and replaced.
 */
import { FakeGroup, FakeMember } from './fake-group.js';
import { ManualClock } from './manual-clock.js';
import { silentLog } from '../../src/observe/log.js';
import { silentMetrics } from '../../src/observe/metrics.js';
import type { KafkaRecord, OutgoingRecord } from '../../src/record.js';
import { IngestStage, type IngestLimits } from '../../src/stages/ingest/ingest-stage.js';
import { ingestMetrics } from '../../src/stages/ingest/metrics.js';
import type { RoutedRecord } from '../../src/stages/ingest/partition-queue.js';
import type { RecordProducer } from '../../src/stages/ports.js';

export const SEND_OUTCOMES = ['acknowledged', 'reply-lost', 'request-lost', 'cut-short', 'arrives-late'] as const;
export type SendOutcome = (typeof SEND_OUTCOMES)[number];

/** What is planted to see the property fail. */
export type IngestFlaw = 'none' | 'unknown-taken-for-done' | 'starts-beyond-the-commit';

const LOGIC_PARTITIONS = 2;
const LIMITS: IngestLimits = {
  queue: { maxRecords: 6, maxBytes: 1_000 },
  chunk: { maxRecords: 4, maxBytes: 1_000 },
  backoff: { initialMs: 10, maxMs: 100, jitter: 0 },
  commitIntervalMs: 250,
};

interface PendingSend {
  readonly records: readonly OutgoingRecord[];
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

interface Owner {
  readonly stage: IngestStage;
  readonly member: FakeMember;
  readonly sends: PendingSend[];
  alive: boolean;
}

export class IngestWorld {
  readonly clock = new ManualClock();
  readonly group: FakeGroup;
  readonly owners: Owner[] = [];
  /** What lies in each partition of `im.logic`, as `<ingest partition>/<offset>`, in the order written. */
  readonly logic: string[][] = Array.from({ length: LOGIC_PARTITIONS }, () => []);
  readonly broken: string[] = [];
  readonly #late: (readonly OutgoingRecord[])[] = [];
  readonly #flaw: IngestFlaw;

  constructor(options: { partitionSizes: readonly number[]; ownerCount: number; flaw?: IngestFlaw }) {
    this.#flaw = options.flaw ?? 'none';
    const logs = options.partitionSizes.map((size, partition) =>
      Array.from({ length: size }, (_, i) => ingestRecord(partition, i)),
    );
    this.group = new FakeGroup('t.ingest', logs);
    if (this.#flaw === 'starts-beyond-the-commit') this.group.startBeyond = 1;
    this.group.onCommit = ({ partition, nextOffset }) => {
      for (let offset = 0; offset < nextOffset; offset++) {
        if (!this.#hasArrived(partition, offset)) this.broken.push(`committed ${nextOffset}, but ${offset} is lost`);
      }
    };
    for (let i = 0; i < options.ownerCount; i++) this.owners.push(this.#newOwner());
  }

  async start(): Promise<void> {
    await Promise.all(this.owners.map(({ stage }) => stage.start()));
    this.rebalance(this.owners.map(() => true));
  }

  /** A new generation of the living owners that hear of it; partitions are dealt to them in turn. */
  rebalance(hears: readonly boolean[]): void {
    const members = this.owners.filter(({ alive }, i) => alive && hears[i] === true).map(({ member }) => member);
    if (members.length === 0) return;
    const dealt = new Map<FakeMember, number[]>(members.map((member) => [member, []]));
    this.group.logs.forEach((_, partition) => {
      const member = members[(partition + this.group.generation) % members.length];
      if (member !== undefined) dealt.get(member)?.push(partition);
    });
    this.group.rebalance(dealt);
  }

  /** The process dies; what it was sending was written, or wasn't. */
  kill(index: number, written: boolean): void {
    const owner = this.owners[index % this.owners.length];
    if (owner === undefined || !owner.alive || this.owners.filter(({ alive }) => alive).length === 1) return;
    owner.alive = false;
    owner.member.isStopped = true;
    for (const send of owner.sends.splice(0)) if (written) this.#append(send.records);
  }

  fetch(index: number, partition: number, maxRecords: number): boolean {
    const owner = this.owners[index % this.owners.length];
    return owner !== undefined && owner.alive && owner.member.fetch(partition % this.group.logs.length, maxRecords);
  }

  answer(index: number, outcome: SendOutcome, cutAt: number): boolean {
    const send = this.owners[index % this.owners.length]?.sends.shift();
    if (send === undefined) return false;
    if (outcome === 'acknowledged' || outcome === 'reply-lost') this.#append(send.records);
    if (outcome === 'cut-short') this.#append(send.records, cutAt);
    if (outcome === 'arrives-late') this.#late.push(send.records);
    if (outcome === 'acknowledged' || this.#flaw === 'unknown-taken-for-done') send.resolve();
    else send.reject(new Error(outcome));
    return true;
  }

  arriveLate(): void {
    const records = this.#late.shift();
    if (records !== undefined) this.#append(records);
  }

  /** Everything heals: one generation of all that live, every send answered, until nothing moves. */
  async settle(): Promise<void> {
    this.rebalance(this.owners.map(() => true));
    for (let quiet = 0; quiet < 3;) {
      let moved = false;
      for (let i = 0; i < this.owners.length; i++) {
        if (this.answer(i, 'acknowledged', 0)) moved = true;
        for (let p = 0; p < this.group.logs.length; p++) if (this.fetch(i, p, 3)) moved = true;
      }
      this.arriveLate();
      await this.clock.pass(300);
      quiet = moved ? 0 : quiet + 1;
    }
    for (const { stage, alive } of this.owners) if (alive) await this.#stop(stage);
  }

  /** What the promises forbid, in words; empty when all hold. */
  verdict(): string[] {
    const found = [...this.broken];
    for (const [partition, log] of this.group.logs.entries()) {
      for (const { offset } of log)
        if (!this.#hasArrived(partition, offset)) found.push(`${partition}/${offset} is lost`);
      if (this.group.committedOffset(partition) !== log.length) found.push(`partition ${partition} isn't committed`);
    }
    for (const places of this.logic) found.push(...inversions(places));
    return found;
  }

  async #stop(stage: IngestStage): Promise<void> {
    const stopped = stage.stop(1_000);
    await this.clock.pass(2_000);
    await stopped;
  }

  #hasArrived(partition: number, offset: number): boolean {
    return this.logic.some((places) => places.includes(`${partition}/${offset}`));
  }

  /** `count` records of each partition at most: a send that breaks off has written a prefix of each. */
  #append(records: readonly OutgoingRecord[], count = Infinity): void {
    for (const [partition, places] of this.logic.entries()) {
      const here = records.filter((record) => record.partition === partition).slice(0, count);
      places.push(...here.map(({ value }) => value?.toString() ?? ''));
    }
  }

  #newOwner(): Owner {
    const sends: PendingSend[] = [];
    const producer: RecordProducer = {
      send: (records) =>
        new Promise((resolve, reject) => {
          sends.push({ records: [...records], resolve, reject });
        }),
      reset: () => Promise.resolve(),
      close: () => Promise.resolve(),
    };
    let member!: FakeMember;
    const stage = new IngestStage({
      topic: this.group.topic,
      openSource: (handlers) => (member = new FakeMember(this.group, handlers)),
      producer,
      router: { route, routeUndecodable: () => unreachableRoute() },
      limits: LIMITS,
      clock: this.clock,
      log: silentLog,
      metrics: ingestMetrics(silentMetrics),
      onFatal: (error) => {
        this.broken.push(error.message);
      },
    });
    return { stage, member, sends, alive: true };
  }
}

function unreachableRoute(): never {
  throw new Error('this log has no undecodable batch');
}

function route({ partition, offset }: KafkaRecord): RoutedRecord {
  return {
    topic: 't.logic',
    partition: (partition + offset * 7) % LOGIC_PARTITIONS,
    key: null,
    value: Buffer.from(`${partition}/${offset}`),
    headers: {},
    nextOffset: offset + 1,
    byteLength: 10,
    refusedFor: null,
  };
}

function ingestRecord(partition: number, offset: number): KafkaRecord {
  return { topic: 't.ingest', partition, offset, timestampMs: 0, key: null, value: null, headers: {} };
}

/** Records that appear for the first time after a later one of their ingest partition. */
function inversions(places: readonly string[]): string[] {
  const found: string[] = [];
  const seen = new Set<string>();
  const highest = new Map<string, number>();
  for (const place of places) {
    if (seen.has(place)) continue;
    seen.add(place);
    const [partition = '', offset = ''] = place.split('/');
    if (Number(offset) < (highest.get(partition) ?? -1)) found.push(`${place} appears after a later record`);
    highest.set(partition, Math.max(highest.get(partition) ?? -1, Number(offset)));
  }
  return found;
}
