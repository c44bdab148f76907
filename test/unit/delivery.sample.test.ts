import { expect, test } from '@jest/globals';
import { Writable } from 'node:stream';
import { silentLog, type LogFields } from '../../src/observe/log.js';
import type { ConversationId } from '../../src/protocol/ids.js';
import { showMessage } from '../../src/stages/delivery/sample.js';
import { deliveryOfStored } from '../../src/stages/delivery/stored-delivery.js';
import { stampedMessage } from '../support/stamped.js';

const TOPICS = { ingest: 't.ingest', delivery: 't.delivery' };
const context = { signal: new AbortController().signal, attempt: 1 };
const { delivery } = deliveryOfStored(
  stampedMessage({
    conversationId: 'group:a\nb' as ConversationId,
    senderId: 'eve\u001b[2J',
    late: true,
    body: Buffer.from('"secret"'),
  }),
  TOPICS,
);

test('shows one line a message, which no id can break, and never the text', async () => {
  let shown = '';
  const output = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      shown += chunk.toString();
      done();
    },
  });
  await showMessage(output, silentLog)(delivery, context);
  expect(shown).toBe('"group:a\\nb"\t1\t1\t"eve\\u001b[2J"\tlate\n');
});

test('a line that could not be written is a failed message', async () => {
  const output = new Writable({
    write: (_chunk, _encoding, done) => {
      done(new Error('EPIPE'));
    },
  });
  output.on('error', () => undefined);
  await expect(showMessage(output, silentLog)(delivery, context)).rejects.toThrow('EPIPE');
});

test('without an output the log has the ids', async () => {
  const lines: { event: string; fields: LogFields | undefined }[] = [];
  const log = { ...silentLog, info: (event: string, fields?: LogFields) => void lines.push({ event, fields }) };
  await showMessage(null, log)(delivery, context);
  expect(lines).toMatchObject([
    { event: 'message delivered', fields: { conversationId: 'group:a\nb', seq: 1, msgId: '1' } },
  ]);
  expect(JSON.stringify(lines)).not.toContain('secret');
});
