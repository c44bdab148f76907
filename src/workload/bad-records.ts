/** Every way in which an envelope can be broken, each with the reason it must be refused for. */
import type { DeadLetterReason } from '../protocol/reasons.js';
import type { SeededRandom } from './random.js';

/** A sound envelope as JSON members, in order; the makers below break it. */
export type Members = Readonly<Record<string, string>>;

interface BadRecord {
  readonly reason: DeadLetterReason;
  readonly make: (sound: Members, random: SeededRandom, maxValueBytes: number) => Buffer | null;
}

const JUST_TOO_DEEP = 65;

export function objectText(members: Members): string {
  return `{${Object.entries(members)
    .map(([name, json]) => `${JSON.stringify(name)}:${json}`)
    .join(',')}}`;
}

function without(members: Members, dropped: string): Members {
  return Object.fromEntries(Object.entries(members).filter(([name]) => name !== dropped));
}

const text = (value: string): Buffer => Buffer.from(value, 'utf8');
const changed = (sound: Members, change: Members): Buffer => text(objectText({ ...sound, ...change }));
const withoutReceiver = (sound: Members): Members => without(without(sound, 'receiverId'), 'groupId');

export const BAD_RECORDS: readonly [BadRecord, ...BadRecord[]] = [
  { reason: 'null_value', make: () => null },
  { reason: 'empty_value', make: () => Buffer.alloc(0) },
  { reason: 'not_json', make: (sound) => text(objectText(sound).slice(0, -1)) },
  { reason: 'not_json', make: () => text('hello') },
  { reason: 'not_utf8', make: (sound) => broken(changed(sound, { body: '"x"' }), '"x"') },
  {
    reason: 'byte_order_mark',
    make: (sound) => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), text(objectText(sound))]),
  },
  { reason: 'not_an_object', make: (sound) => text(`[${objectText(sound)}]`) },
  { reason: 'nesting_too_deep', make: (sound) => changed(sound, { body: nested(JUST_TOO_DEEP) }) },
  { reason: 'duplicate_name', make: (sound) => text(`${objectText(sound).slice(0, -1)},"senderId":"other"}`) },
  { reason: 'ill_formed_text', make: (sound) => changed(sound, { body: '"\\ud800"' }) },
  { reason: 'nul_character', make: (sound) => changed(sound, { body: '"a\\u0000b"' }) },
  {
    reason: 'missing_field',
    make: (sound, random) =>
      text(objectText(without(sound, random.pick(['senderId', 'clientMsgId', 'sentAt', 'body'])))),
  },
  { reason: 'unknown_field', make: (sound) => changed(sound, { sender_seq: '7' }) },
  {
    reason: 'wrong_type',
    make: (sound, random) =>
      changed(
        sound,
        random.pick<Members>([{ senderId: '42' }, { sentAt: '"now"' }, { clientMsgId: 'null' }, { meta: '[]' }]),
      ),
  },
  {
    reason: 'out_of_range',
    make: (sound, random) =>
      changed(
        sound,
        random.pick<Members>([
          { senderId: '""' },
          { clientMsgId: `"${'x'.repeat(129)}"` },
          { sentAt: '9007199254740992' },
        ]),
      ),
  },
  { reason: 'receiver_or_group', make: (sound) => text(objectText(withoutReceiver(sound))) },
  { reason: 'receiver_or_group', make: (sound) => changed(sound, { receiverId: '"r"', groupId: '"g"' }) },
  {
    reason: 'sender_numbers',
    make: (sound) => text(objectText({ ...without(sound, 'senderSeq'), prevSenderSeq: '3' })),
  },
  {
    reason: 'too_large',
    make: (sound, _random, maxValueBytes) => changed(sound, { body: `"${'x'.repeat(maxValueBytes)}"` }),
  },
];

/** The bytes with the quoted letter replaced by one that is no UTF-8. */
function broken(bytes: Buffer, at: string): Buffer {
  const copy = Buffer.from(bytes);
  copy[copy.lastIndexOf(at) + 1] = 0xff;
  return copy;
}

function nested(depth: number): string {
  return '['.repeat(depth) + ']'.repeat(depth);
}
