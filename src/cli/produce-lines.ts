import { parseEnvelope } from '../protocol/parse-envelope.js';
import type { OutgoingRecord } from '../record.js';
import { inputLines } from './input-lines.js';
import { note, print, printJson } from './output.js';
import type { ProduceTarget } from './produce-one.js';
import { grouped, Progress } from './progress.js';

const BATCH_RECORDS = 500;
const BATCH_BYTES = 1_048_576;
/** With --force a line may be too large for the pipeline, which is to refuse it; this is about memory. */
const MAX_LINE_BYTES = 16 * 1_048_576;
const SHOWN_BAD_LINES = 20;
const INCOMPLETE_EXIT_CODE = 1;

/**
 * Sends each line as it is. A line that is no valid envelope is named with its number and not sent, unless forced;
 * empty lines are skipped. The exit code says whether lines were left out.
 */
export async function produceLines(input: AsyncIterable<Buffer>, target: ProduceTarget): Promise<void> {
  const { writer, json } = target;
  const progress = new Progress();
  const counts = { lines: 0, acknowledged: 0, refused: 0 };
  let batch: OutgoingRecord[] = [];
  let batchBytes = 0;
  const flush = async (): Promise<void> => {
    await writer.send(batch);
    counts.acknowledged += batch.length;
    [batch, batchBytes] = [[], 0];
    progress.update(() => `${grouped(counts.acknowledged)} acknowledged`);
  };
  for await (const line of inputLines(input, MAX_LINE_BYTES)) {
    counts.lines += 1;
    if (line.toString('latin1').trim() === '') continue;
    const record = recordOf(line, counts.lines, target);
    if (record === null) {
      counts.refused += 1;
      continue;
    }
    batch.push(record);
    batchBytes += line.byteLength;
    if (batch.length >= BATCH_RECORDS || batchBytes >= BATCH_BYTES) await flush();
  }
  if (batch.length > 0) await flush();
  progress.end();
  if (json) printJson({ acknowledged: counts.acknowledged, refused: counts.refused });
  else print(`acknowledged: ${grouped(counts.acknowledged)}`);
  if (counts.refused > 0) {
    process.exitCode = INCOMPLETE_EXIT_CODE;
    note(
      `error: ${grouped(counts.refused)} of ${grouped(counts.lines)} lines are no valid envelopes and were not sent; ` +
        '--force sends them, and the pipeline dead-letters them',
    );
  }

  function recordOf(
    line: Buffer,
    lineNumber: number,
    { maxValueBytes, key, force }: ProduceTarget,
  ): OutgoingRecord | null {
    const parsed = parseEnvelope(line, { maxValueBytes });
    if (!parsed.ok && !force) {
      if (counts.refused < SHOWN_BAD_LINES) note(`line ${lineNumber}: ${parsed.detail} (${parsed.reason})`);
      if (counts.refused === SHOWN_BAD_LINES) note('… and more');
      return null;
    }
    const ownKey = parsed.ok ? Buffer.from(parsed.envelope.conversationId, 'utf8') : null;
    return writer.place({ key: key ?? ownKey, value: line, headers: {} });
  }
}
