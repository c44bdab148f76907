/**
 * Rule 1. Every record of the ingest topic ends in exactly one of: the table `message` and the delivery topic, together;
 * the dead letter topic; or, where the same sender said the same under the same `clientMsgId` in the same conversation
 * before, a count. Nothing is stored or delivered that was not ingested, and nothing twice. What is on its way is neither
 * lost nor done: it makes the answer unknown.
 *
 * Rule 2, the part that can be judged here (`payload-unchanged`): what was stored or delivered is what was ingested.
 *
 * Where rows are given they say which record they came from, and the rest of rule 1 (every row delivered once) is judged
 * beside the topic (row-join.ts). Without rows a delivery is matched by who said it. A dead letter that is repeated after
 * a crash carries the same place and counts once. The record that producers were not acknowledged but that lies in the
 * topic is judged as any other: it was written. That what they were acknowledged lies there is acknowledged.ts.
 */
import { BIN_COUNT, ENTRY_WORDS, type Bins } from '../bins.js';
import type { IngestPlace, IngestRecord, OffsetRange, Said } from '../evidence.js';
import type { Findings } from '../findings.js';
import { fingerprint, type Fingerprint } from '../fingerprint.js';
import { PlaceSet } from '../place-set.js';
import type { Exhibit } from '../verdict.js';
import { judgeAcknowledged } from './acknowledged.js';

const INGESTED = 0;
const OUTCOME = 1;
const PARTITION_BITS = 0x3fff_ffff;
const TWO_32 = 0x1_0000_0000;

export interface EndsOnceSetting {
  readonly bins: Bins;
  readonly findings: Findings;
  readonly topics: { readonly ingest: string; readonly delivery: string };
  /** Whether outcomes are rows, which name the record they came from, or deliveries, which name their own place. */
  readonly outcomesAre: 'rows' | 'deliveries';
  readonly ranges: ReadonlyMap<number, OffsetRange> | undefined;
  /** Places that producers were acknowledged, where they noted them. */
  readonly acknowledged: PlaceSet | undefined;
  readonly isDrained: boolean;
}

export class EndsOnce {
  /** To be filled before the first record is ingested, as `inFlight`. */
  readonly deadLetters = new PlaceSet();
  readonly inFlight = new PlaceSet();
  /** Kept only where it is held against what was acknowledged. */
  readonly #there = new PlaceSet();
  readonly #setting: EndsOnceSetting;
  readonly #read = new Map<number, { start: number; end: number }>();
  readonly #entry = new Uint32Array(ENTRY_WORDS);
  readonly #print: Fingerprint = { idHigh: 0, idLow: 0, content: 0, payload: 0 };
  ingestedCount = 0;
  duplicateCount = 0;
  inFlightCount = 0;
  acknowledgedNotJudgedCount = 0;
  /** False where a source ended early: what was not read is not missing. */
  isComplete = true;

  constructor(setting: EndsOnceSetting) {
    this.#setting = setting;
  }

  ingested({ partition, offset, said }: IngestRecord): void {
    this.ingestedCount += 1;
    const read = this.#read.get(partition);
    if (read === undefined) this.#read.set(partition, { start: offset, end: offset + 1 });
    else read.end = offset + 1;
    if (this.#setting.acknowledged !== undefined) this.#there.add({ partition, offset });
    if (said !== null) this.#lay(INGESTED, partition, offset, said);
    else if (this.deadLetters.has(partition, offset)) return;
    else if (this.inFlight.has(partition, offset)) this.inFlightCount += 1;
    else this.#lost(partition, offset, 'which is no message,');
  }

  /** A row with the place it came from, or a delivery with its own. */
  outcome(said: Said, { partition, offset }: IngestPlace): void {
    this.#lay(OUTCOME, partition, offset, said);
  }

  /** To be called once, when everything was laid down. */
  finish(): void {
    for (let bin = 0; bin < BIN_COUNT; bin++) this.#judgeBin(this.#setting.bins.take(bin));
    this.#judgeAcknowledged();
  }

  #judgeAcknowledged(): void {
    const { acknowledged, isDrained, findings, topics } = this.#setting;
    if (acknowledged === undefined || !this.isComplete) return;
    this.acknowledgedNotJudgedCount = judgeAcknowledged({
      ...{ acknowledged, isDrained, there: this.#there, rangeOf: (partition) => this.#rangeOf(partition) },
      onMissing: (partition, offset) => {
        const sentence = `the record at ${partition}:${offset} of the ingest topic was acknowledged, and is not there`;
        const what = 'acknowledged, and not in the topic';
        findings.add('ends-once', sentence, [{ kind: 'record', topic: topics.ingest, partition, offset, what }]);
      },
    });
  }

  #lay(kind: number, partition: number, offset: number, said: Said): void {
    const print = this.#print;
    fingerprint(said, print);
    const entry = this.#entry;
    entry[0] = ((kind << 30) | (partition & PARTITION_BITS)) >>> 0;
    entry[1] = offset >>> 0;
    entry[2] = Math.floor(offset / TWO_32);
    entry[3] = print.idHigh;
    entry[4] = print.idLow;
    entry[5] = print.content;
    entry[6] = print.payload;
    this.#setting.bins.add(print.idHigh >>> 24, entry);
  }

  /** Entries of one identity are chained, then judged together. */
  #judgeBin(words: Uint32Array): void {
    const count = words.length / ENTRY_WORDS;
    if (count === 0) return;
    const size = 2 ** Math.ceil(Math.log2(count + 1));
    const heads = new Int32Array(size).fill(-1);
    const next = new Int32Array(count);
    for (let i = count - 1; i >= 0; i--) {
      const slot = (words[i * ENTRY_WORDS + 4] as number) & (size - 1);
      next[i] = heads[slot] as number;
      heads[slot] = i;
    }
    const group: number[] = [];
    for (let slot = 0; slot < size; slot++) {
      // What shares a slot is of few identities: each is taken out of the chain in turn.
      let first = heads[slot] as number;
      while (first >= 0) {
        group.length = 0;
        let restHead = -1;
        let restTail = -1;
        for (let i = first; i >= 0;) {
          const following = next[i] as number;
          if (sameIdentity(words, first, i)) group.push(i * ENTRY_WORDS);
          else {
            if (restTail < 0) restHead = i;
            else next[restTail] = i;
            restTail = i;
            next[i] = -1;
          }
          i = following;
        }
        this.#judgeGroup(words, group);
        first = restHead;
      }
    }
  }

  #judgeGroup(words: Uint32Array, group: readonly number[]): void {
    const [first = 0, second = 0] = group;
    if (group.length === 2 && kindAt(words, first) !== kindAt(words, second)) {
      const [said, came] = kindAt(words, first) === INGESTED ? [first, second] : [second, first];
      if (
        this.#setting.outcomesAre === 'deliveries' ? !this.#isDeadLetter(words, said) : samePlace(words, said, came)
      ) {
        if (this.#isDeadLetter(words, said)) this.#endsTwice(words, said);
        this.#comparePayload(words, said, came);
        return;
      }
    }
    const ingested = group.filter((at) => kindAt(words, at) === INGESTED);
    const outcomes = group.filter((at) => kindAt(words, at) === OUTCOME);
    if (this.#setting.outcomesAre === 'rows') this.#judgeRows(words, ingested, outcomes);
    else this.#judgeDeliveries(words, ingested, outcomes);
  }

  #judgeRows(words: Uint32Array, ingested: readonly number[], rows: readonly number[]): void {
    if (rows.length > 1) this.#doubled('stored', words, rows);
    for (const row of rows) {
      if (!this.#isCovered(words, row) || ingested.some((at) => samePlace(words, at, row))) continue;
      this.#invented('stored', words, row);
    }
    for (const at of ingested) {
      const isDeadLetter = this.#isDeadLetter(words, at);
      const row = rows.find((one) => samePlace(words, at, one));
      if (row !== undefined) {
        if (isDeadLetter) this.#endsTwice(words, at);
        this.#comparePayload(words, at, row);
      } else if (!isDeadLetter) this.#judgeUnmatched(words, at, rows);
    }
  }

  #judgeDeliveries(words: Uint32Array, ingested: readonly number[], delivered: readonly number[]): void {
    if (delivered.length > 1) this.#doubled('delivered', words, delivered);
    const open = ingested.filter((at) => !this.#isDeadLetter(words, at));
    const [came] = delivered;
    if (came !== undefined && open.length === 0) {
      const [said] = ingested;
      if (said === undefined) this.#invented('delivered', words, came);
      else this.#endsTwice(words, said);
    }
    const source = came === undefined ? undefined : (open.find((at) => samePayload(words, at, came)) ?? open[0]);
    for (const at of open) {
      if (at === source && came !== undefined) this.#comparePayload(words, at, came);
      else this.#judgeUnmatched(words, at, delivered);
    }
  }

  /** A record that is neither stored nor a dead letter: a duplicate, on its way, or lost. */
  #judgeUnmatched(words: Uint32Array, at: number, outcomes: readonly number[]): void {
    const partition = partitionAt(words, at);
    const offset = offsetAt(words, at);
    if (outcomes.some((one) => words[one + 5] === words[at + 5])) this.duplicateCount += 1;
    else if (this.inFlight.has(partition, offset)) this.inFlightCount += 1;
    else this.#lost(partition, offset, outcomes.length === 0 ? '' : 'whose clientMsgId was used with other content,');
  }

  #isDeadLetter(words: Uint32Array, at: number): boolean {
    return this.deadLetters.has(partitionAt(words, at), offsetAt(words, at));
  }

  #isCovered(words: Uint32Array, at: number): boolean {
    const partition = partitionAt(words, at);
    const offset = offsetAt(words, at);
    const range = this.#rangeOf(partition);
    return range !== undefined && offset >= range.start && offset < range.end;
  }

  #rangeOf(partition: number): OffsetRange | undefined {
    return this.#setting.ranges?.get(partition) ?? this.#read.get(partition);
  }

  #comparePayload(words: Uint32Array, said: number, came: number): void {
    if (samePayload(words, said, came)) return;
    const { findings, outcomesAre } = this.#setting;
    const verb = outcomesAre === 'rows' ? 'stored' : 'delivered';
    const sentence = `the record at ${placeText(words, said)} of the ingest topic was ${verb} with other content`;
    findings.add('payload-unchanged', sentence, [this.#ingestExhibit(words, said), this.#outcomeExhibit(words, came)]);
  }

  #lost(partition: number, offset: number, whose: string): void {
    if (!this.isComplete) return;
    const { findings, topics, outcomesAre } = this.#setting;
    const outcome = outcomesAre === 'rows' ? 'stored' : 'delivered';
    const which = whose === '' ? '' : `, ${whose}`;
    const sentence = `the record at ${partition}:${offset} of the ingest topic${which} was neither ${outcome} nor dead-lettered`;
    findings.add('ends-once', sentence, [
      { kind: 'record', topic: topics.ingest, partition, offset, what: 'ingested, and gone' },
    ]);
  }

  #endsTwice(words: Uint32Array, at: number): void {
    const sentence = `the record at ${placeText(words, at)} of the ingest topic is a message and a dead letter`;
    this.#setting.findings.add('ends-once', sentence, [this.#ingestExhibit(words, at)]);
  }

  #doubled(verb: string, words: Uint32Array, outcomes: readonly number[]): void {
    const sentence = `one message was ${verb} ${outcomes.length} times`;
    this.#setting.findings.add(
      'ends-once',
      sentence,
      outcomes.slice(0, MOST_EXHIBITS).map((at) => this.#outcomeExhibit(words, at)),
    );
  }

  #invented(verb: string, words: Uint32Array, at: number): void {
    if (!this.isComplete) return;
    const sentence = `a message was ${verb} that was never ingested so`;
    this.#setting.findings.add('ends-once', sentence, [this.#outcomeExhibit(words, at)]);
  }

  #ingestExhibit(words: Uint32Array, at: number): Exhibit {
    const [partition, offset] = [partitionAt(words, at), offsetAt(words, at)];
    return { kind: 'record', topic: this.#setting.topics.ingest, partition, offset, what: 'ingested' };
  }

  #outcomeExhibit(words: Uint32Array, at: number): Exhibit {
    const [partition, offset] = [partitionAt(words, at), offsetAt(words, at)];
    if (this.#setting.outcomesAre === 'deliveries') {
      return { kind: 'record', topic: this.#setting.topics.delivery, partition, offset, what: 'delivered' };
    }
    const key = `ingest_partition = ${partition} AND ingest_offset = ${offset}`;
    return { kind: 'row', table: 'message', key, atMs: null, what: 'stored' };
  }
}

const MOST_EXHIBITS = 5;

function kindAt(words: Uint32Array, at: number): number {
  return (words[at] as number) >>> 30;
}

function partitionAt(words: Uint32Array, at: number): number {
  return (words[at] as number) & PARTITION_BITS;
}

function offsetAt(words: Uint32Array, at: number): number {
  return (words[at + 2] as number) * TWO_32 + (words[at + 1] as number);
}

function placeText(words: Uint32Array, at: number): string {
  return `${partitionAt(words, at)}:${offsetAt(words, at)}`;
}

function samePlace(words: Uint32Array, a: number, b: number): boolean {
  return partitionAt(words, a) === partitionAt(words, b) && offsetAt(words, a) === offsetAt(words, b);
}

function samePayload(words: Uint32Array, a: number, b: number): boolean {
  return words[a + 6] === words[b + 6];
}

function sameIdentity(words: Uint32Array, a: number, b: number): boolean {
  const [first, second] = [a * ENTRY_WORDS, b * ENTRY_WORDS];
  return words[first + 3] === words[second + 3] && words[first + 4] === words[second + 4];
}
