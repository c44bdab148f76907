/** Messages and dead letters of every legal kind, for properties. */
import fc from 'fast-check';
import type { ConversationId, MsgId, Seq } from '../../src/protocol/ids.js';
import type { Stamped, StampedDeadLetter, StampedMessage } from '../../src/protocol/message.js';
import type { RawRecord, RecordHeaders } from '../../src/record.js';

const MAX_INT8 = 2n ** 63n - 1n;

/** Well-formed Unicode without U+0000, 1 to 128 code points: what a sender may call something. */
const idText = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 128 })
  .filter((text) => !text.includes('\0') && text.isWellFormed());

/** JSON as a person could have written it: whatever a parser would change must come back as it was. */
const jsonBytes = fc
  .oneof(
    fc.json(),
    fc.constantFrom(
      '1e400',
      '9007199254740993',
      '0.1000000000000000055511151231257827',
      '-0',
      '" \\u0000 \\uD83D\\uDE00"',
    ),
    fc.constantFrom('{ "a" : [ 1.0 , 1e3 ],\r\n\t"ü": "\u{1F600}" }', '"\\/\\b\\\\"', '{}', 'null', '""'),
    fc.integer({ min: 2_000, max: 20_000 }).map((length) => JSON.stringify('x'.repeat(length))),
  )
  .map((text) => Buffer.from(text))
  .filter((bytes) => !bytes.includes(0));

const safeInteger = fc.maxSafeNat();
const anyBytes = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
const bytesOrNull = fc.option(anyBytes);

const headers: fc.Arbitrary<RecordHeaders> = fc.dictionary(
  fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('__proto__', 'constructor', '')),
  fc.oneof(anyBytes, fc.array(anyBytes, { minLength: 2, maxLength: 3 })),
  { maxKeys: 4, noNullPrototype: true },
);

const record: fc.Arbitrary<RawRecord> = fc.record({ key: bytesOrNull, value: bytesOrNull, headers });

const place = fc.record({ partition: fc.nat(2 ** 31 - 1), offset: safeInteger });

const message: fc.Arbitrary<StampedMessage> = fc.record({
  kind: fc.constant('message' as const),
  msgId: fc.constant(0n as MsgId),
  seq: fc.constant(1 as Seq),
  stampedAt: safeInteger,
  late: fc.boolean(),
  conversationId: fc.constant('' as ConversationId),
  senderId: idText,
  receiverId: fc.option(idText),
  groupId: fc.constant<string | null>(null),
  clientMsgId: idText,
  sentAt: safeInteger,
  senderSeq: fc.option(safeInteger),
  prevSenderSeq: fc.option(safeInteger),
  senderEpoch: fc.option(safeInteger),
  body: jsonBytes,
  meta: fc.option(jsonBytes),
  contentHash: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes)),
  place,
  receivedAt: safeInteger,
  traceparent: bytesOrNull,
  tracestate: bytesOrNull,
});

const deadLetter: fc.Arbitrary<StampedDeadLetter> = fc.record({
  kind: fc.constant('dead_letter' as const),
  msgId: fc.constant(0n as MsgId),
  stampedAt: safeInteger,
  reason: fc.constant('conflicting_duplicate' as const),
  detail: idText,
  place,
  record,
});

/** A batch as a lane stamps it: growing ids above `floor`, dense seqs per conversation, identities that differ. */
export function stampedBatch(floor: bigint): fc.Arbitrary<Stamped[]> {
  const draft = fc.record({
    one: fc.oneof({ weight: 4, arbitrary: message }, { weight: 1, arbitrary: deadLetter }),
    conversation: fc.nat(3),
    idStep: fc.oneof(fc.constant(1n), fc.bigInt(1n, MAX_INT8 / 1_000_000n)),
  });
  return fc.array(draft, { maxLength: 12 }).map((drafts) => {
    let msgId = floor;
    const seqs = new Map<number, number>();
    return drafts.map(({ one, conversation, idStep }, index) => {
      msgId += idStep;
      if (one.kind === 'dead_letter') return { ...one, msgId: msgId as MsgId };
      const seq = (seqs.get(conversation) ?? 0) + 1;
      seqs.set(conversation, seq);
      return {
        ...one,
        msgId: msgId as MsgId,
        seq: seq as Seq,
        conversationId: `group:${conversation}` as ConversationId,
        groupId: one.receiverId === null ? 'g' : null,
        clientMsgId: `${index}${one.clientMsgId}`,
      };
    });
  });
}
