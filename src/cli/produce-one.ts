import { InorderError } from '../errors.js';
import { parseEnvelope } from '../protocol/parse-envelope.js';
import { envelopeFromFlags, type MessageFlags } from './envelope-from-flags.js';
import type { IngestWriter } from './ingest-writer.js';
import { print, printJson } from './output.js';
import { visible } from './terminal-text.js';

export interface ProduceTarget {
  readonly writer: IngestWriter;
  readonly maxValueBytes: number;
  /** Instead of the conversation id. */
  readonly key: Buffer | null;
  readonly force: boolean;
  readonly json: boolean;
}

/** Sends the one message that the flags make. @throws InorderError usage where it is no valid envelope */
export async function produceOne(flags: MessageFlags, target: ProduceTarget): Promise<void> {
  const { writer, maxValueBytes, key, force, json } = target;
  const value = envelopeFromFlags(flags);
  const parsed = parseEnvelope(value, { maxValueBytes });
  if (!parsed.ok && !force) {
    throw new InorderError('usage', `${parsed.detail} (${parsed.reason}); --force sends it all the same`);
  }
  const conversationId = parsed.ok ? parsed.envelope.conversationId : null;
  const clientMsgId = parsed.ok ? parsed.envelope.clientMsgId : null;
  const ownKey = conversationId === null ? null : Buffer.from(conversationId, 'utf8');
  const record = writer.place({ key: key ?? ownKey, value, headers: {} });
  await writer.send([record]);
  const { topic, partition } = record;
  if (json) printJson({ acknowledged: 1, topic, partition, conversationId, clientMsgId });
  else print(`acknowledged: ${visible(conversationId ?? 'not an envelope')} in ${topic}, partition ${partition}`);
}
