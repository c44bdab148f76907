import { InorderError } from '../../errors.js';
import { PlainProducer } from '../../kafka/plain-producer.js';
import type { OutgoingRecord } from '../../record.js';
import { connectKafka, openAdmin } from '../connect.js';
import { openContext } from '../context.js';
import {
  filterOf,
  matches,
  positionText,
  readDeadLetters,
  samePosition,
  type FilterFlags,
  type LyingLetter,
  type Position,
} from '../dead-letters.js';
import { IngestWriter } from '../ingest-writer.js';
import { note, print, printJson } from '../output.js';
import { grouped } from '../progress.js';
import { withResources } from '../resources.js';
import type { Verdict } from '../topic-reader.js';

export interface ReplayOptions extends FilterFlags {
  readonly all?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

const BATCH_RECORDS = 500;
const BATCH_BYTES = 4_194_304;

/** What must not go to the ingest topic again, and why. */
const NOT_AGAIN: Readonly<Record<string, string>> = {
  handler_failed:
    'the message is stored and delivered, and would be dropped as a duplicate: mend the handler, and let it read the ' +
    'delivery topic again',
  invalid_delivery_record: 'it never was a record of the ingest topic',
  invalid_logic_record: 'it never was a record of the ingest topic',
  undecodable_batch: 'it is a whole batch that nobody could unpack; `inorder dlq show` has its bytes',
};

interface Counts {
  /** Sent, or what would be. */
  replayed: number;
  /** The same original record, dead-lettered again after a crash. */
  repeats: number;
  /** By reason, see NOT_AGAIN. */
  readonly refused: Map<string, number>;
}

/** Sends what was chosen to the ingest topic again. @throws InorderError usage where nothing is chosen or --yes lacks */
export async function replayDeadLetters(places: readonly Position[], options: ReplayOptions): Promise<void> {
  const chooses = chooser(places, options);
  const context = openContext('client');
  const counts = await withResources(context.log, async (resources) => {
    const kafka = connectKafka(context, 'dlq');
    const admin = openAdmin(kafka, resources);
    const producer = new PlainProducer(kafka);
    resources.opened('producer', () => producer.close());
    const replay = new Replay(await IngestWriter.open(admin, producer, context.settings.topics), options.yes === true);
    await readDeadLetters(context, { kafka, admin }, 'beginning', async (letter): Promise<Verdict> => {
      if (chooses(letter)) await replay.add(letter);
      return 'more';
    });
    await replay.flush();
    return replay.counts;
  });
  report(counts, options);
}

function chooser(places: readonly Position[], options: ReplayOptions): (letter: LyingLetter) => boolean {
  const { reason, since, place, all } = options;
  const hasFilter = reason !== undefined || since !== undefined || place !== undefined;
  if (places.length === 0 && !hasFilter && all !== true) {
    throw new InorderError(
      'usage',
      'which ones? give their places, --reason, --since or --place; --all means all there are',
    );
  }
  const filter = filterOf(options);
  return (letter) =>
    matches(letter, filter) && (places.length === 0 || places.some((at) => samePosition(at, letter.at)));
}

class Replay {
  readonly counts: Counts = { replayed: 0, repeats: 0, refused: new Map() };
  readonly #writer: IngestWriter;
  readonly #isReal: boolean;
  readonly #seen = new Set<string>();
  #batch: OutgoingRecord[] = [];
  #batchBytes = 0;

  constructor(writer: IngestWriter, isReal: boolean) {
    this.#writer = writer;
    this.#isReal = isReal;
  }

  async add(letter: LyingLetter): Promise<void> {
    const { reason, place, record } = letter;
    if (Object.hasOwn(NOT_AGAIN, reason)) {
      this.counts.refused.set(reason, (this.counts.refused.get(reason) ?? 0) + 1);
      return;
    }
    const original = positionText(place);
    if (this.#seen.has(original)) {
      this.counts.repeats += 1;
      return;
    }
    this.#seen.add(original);
    this.counts.replayed += 1;
    if (!this.#isReal) return;
    // Its own partition again where there is one: among its sender's other messages.
    const { topic, partitions } = this.#writer;
    const outgoing = this.#writer.place(record);
    this.#batch.push(place.partition < partitions ? { ...record, topic, partition: place.partition } : outgoing);
    this.#batchBytes += (record.value?.byteLength ?? 0) + (record.key?.byteLength ?? 0);
    if (this.#batch.length >= BATCH_RECORDS || this.#batchBytes >= BATCH_BYTES) await this.flush();
  }

  /** Buffers are views into what was fetched; it stays as long as the batch refers to it. */
  async flush(): Promise<void> {
    if (this.#batch.length === 0) return;
    const batch = this.#batch;
    [this.#batch, this.#batchBytes] = [[], 0];
    await this.#writer.send(batch);
  }
}

function report({ replayed, repeats, refused }: Counts, { yes, json }: ReplayOptions): void {
  const isReal = yes === true;
  if (json === true)
    printJson({ chosen: replayed, replayed: isReal ? replayed : 0, repeats, refused: Object.fromEntries(refused) });
  else print(`${isReal ? 'sent again' : 'would be sent again'}: ${grouped(replayed)}`);
  if (repeats > 0) note(`${grouped(repeats)} repeats of the same original records were left out`);
  for (const [reason, count] of refused)
    note(`${grouped(count)} of reason ${reason} were left out: ${NOT_AGAIN[reason] ?? ''}`);
  if (replayed === 0 && refused.size > 0)
    throw new InorderError('usage', 'nothing of what was chosen may be sent again');
  if (!isReal && replayed > 0) throw new InorderError('usage', 'nothing was sent; --yes sends them');
}
