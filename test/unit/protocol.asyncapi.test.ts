/** docs/asyncapi.yaml says what the code does: the parser takes it, and topics, headers and schemas are those of the code. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { Parser, type AsyncAPIDocumentInterface, type MessageInterface } from '@asyncapi/parser';
import { deadLetterRecord } from '../../src/protocol/dead-letter.js';
import { deliveryHeaders } from '../../src/protocol/delivery.js';
import type { LaneEpoch } from '../../src/protocol/ids.js';
import { encodeLogicRecord } from '../../src/protocol/logic-record.js';
import { parseEnvelope } from '../../src/protocol/parse-envelope.js';
import { DEAD_LETTER_REASONS } from '../../src/protocol/reasons.js';
import { isDelivery, isEnvelope } from '../../src/protocol/schemas.js';
import { topicNames } from '../../src/protocol/topics.js';
import { stampedMessage } from '../support/stamped.js';

const source = fileURLToPath(new URL('../../docs/asyncapi.yaml', import.meta.url));
const schemaFile = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../schemas/${name}`, import.meta.url), 'utf8'));

let document: AsyncAPIDocumentInterface;

beforeAll(async () => {
  const parsed = await new Parser().parse(readFileSync(source, 'utf8'), { source });
  // 0 is an error and 1 a warning; what comes after is advice, such as that AsyncAPI 3.1 exists.
  const wrong = parsed.diagnostics.filter(({ severity }) => [0, 1].includes(severity));
  expect(wrong.map(({ message, path }) => `${path.join('.')}: ${message}`)).toEqual([]);
  document = parsed.document as AsyncAPIDocumentInterface;
});

function messageOf(channel: string): MessageInterface {
  return document.channels().get(channel)?.messages().all()[0] as MessageInterface;
}

/** The header names of a message by the document: required ones, and all. */
function headersOf(channel: string): { required: string[]; known: string[] } {
  const json: HeaderSchema = messageOf(channel).headers()?.json<HeaderSchema>() ?? {};
  const parts = json.allOf ?? [json];
  return {
    required: parts.flatMap((part) => part.required ?? []).sort(),
    known: parts.flatMap((part) => Object.keys(part.properties ?? {})).sort(),
  };
}

interface HeaderSchema {
  readonly allOf?: readonly HeaderSchema[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, { readonly enum?: readonly string[] }>>;
}

test('the channels are the four topics', () => {
  const addresses = Object.fromEntries(
    document
      .channels()
      .all()
      .map((channel) => [channel.id(), channel.address()]),
  );
  expect(addresses).toEqual(topicNames('im'));
});

test('the payloads are the schema files that the code validates with', () => {
  expect(messageOf('ingest').payload()?.json()).toMatchObject(schemaFile('envelope.v1.json') as object);
  expect(messageOf('logic').payload()?.json()).toMatchObject(schemaFile('envelope.v1.json') as object);
  expect(messageOf('delivery').payload()?.json()).toMatchObject(schemaFile('delivery.v1.json') as object);
  const text = readFileSync(source, 'utf8');
  expect(text.match(/\$ref: \.\.\/.*/g)?.sort()).toEqual([
    '$ref: ../schemas/delivery.v1.json',
    '$ref: ../schemas/envelope.v1.json',
    '$ref: ../schemas/envelope.v1.json',
  ]);
});

test('the examples are valid', () => {
  const examplesOf = (channel: string): unknown[] =>
    messageOf(channel)
      .examples()
      .all()
      .map((one) => one.payload());
  expect(examplesOf('ingest').map(isEnvelope)).toEqual([true, true]);
  expect(examplesOf('delivery').map(isDelivery)).toEqual([true]);
});

describe('the headers are those that the code writes', () => {
  const traced = { traceparent: Buffer.from('00-1-2-01'), tracestate: Buffer.from('a=b') };

  test('in the logic topic', () => {
    const value = Buffer.from('{"senderId":"a","groupId":"g","clientMsgId":"m","sentAt":0,"body":1}');
    const parsed = parseEnvelope(value, { maxValueBytes: 1000 });
    if (!parsed.ok) throw new Error(parsed.detail);
    const record = { topic: 'im.ingest', partition: 0, offset: 0, timestampMs: 0, key: null, value, headers: traced };
    const names = Object.keys(encodeLogicRecord(parsed.envelope, record).headers).sort();
    expect(names).toEqual(headersOf('logic').known);
    expect(headersOf('logic').required).toEqual(names.filter((name) => name.startsWith('inorder-')));
  });

  test('in the delivery topic', () => {
    const names = Object.keys(deliveryHeaders(stampedMessage(traced), 3 as LaneEpoch)).sort();
    expect(names).toEqual(headersOf('delivery').known);
    expect(headersOf('delivery').required).toEqual(Object.keys(deliveryHeaders(stampedMessage(), 3 as LaneEpoch)));
  });

  test('in the dead letter topic, every reason among them', () => {
    const record = { key: null, value: null, headers: {} };
    const place = { partition: 0, offset: 0 };
    const dead = deadLetterRecord({ record, place, topic: 'im.ingest', reason: 'null_value', detail: 'd', atMs: 0 });
    const names = Object.keys(dead.headers).sort();
    expect(headersOf('dlq')).toEqual({ required: names, known: names });
    const properties = messageOf('dlq').headers()?.json<HeaderSchema>().properties;
    expect(properties?.['inorder-dlq-reason']?.enum).toEqual(Object.keys(DEAD_LETTER_REASONS));
  });
});
