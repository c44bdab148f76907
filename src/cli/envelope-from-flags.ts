import { randomUUID } from 'node:crypto';
import { InorderError } from '../errors.js';

/** The flags of `produce` that make one message. */
export interface MessageFlags {
  readonly from?: string;
  readonly to?: string;
  readonly group?: string;
  readonly text?: string;
  readonly body?: string;
  readonly meta?: string;
  readonly clientMsgId?: string;
  readonly sentAt?: number;
  readonly senderSeq?: number;
  readonly prevSenderSeq?: number;
  readonly senderEpoch?: number;
}

export interface Defaults {
  readonly nowMs: () => number;
  readonly newId: () => string;
}

const SYSTEM: Defaults = { nowMs: () => Date.now(), newId: randomUUID };

/** Whether any of the flags that only a single message has was given. */
export function namesMessage(flags: MessageFlags): boolean {
  const { from, to, group, text, body, meta, clientMsgId, sentAt, senderSeq, prevSenderSeq, senderEpoch } = flags;
  const all = [from, to, group, text, body, meta, clientMsgId, sentAt, senderSeq, prevSenderSeq, senderEpoch];
  return all.some((flag) => flag !== undefined);
}

/**
 * The envelope as JSON. `--body` and `--meta` go in as they were typed, so that numbers beyond doubles arrive; whether
 * the whole is a sound envelope is judged afterwards, by the pipeline's own rules. @throws InorderError usage
 */
export function envelopeFromFlags(flags: MessageFlags, { nowMs, newId }: Defaults = SYSTEM): Buffer {
  const { from, to, group, text, body, meta } = flags;
  if (from === undefined) throw new InorderError('usage', 'who sends? give --from <senderId>');
  if ((to === undefined) === (group === undefined)) {
    throw new InorderError('usage', 'to whom? give either --to <receiverId> or --group <groupId>');
  }
  if ((text === undefined) === (body === undefined)) {
    throw new InorderError('usage', 'what? give either --text <text> or --body <json>');
  }
  const members = [
    member('senderId', from),
    member('receiverId', to),
    member('groupId', group),
    member('clientMsgId', flags.clientMsgId ?? newId()),
    member('sentAt', flags.sentAt ?? nowMs()),
    member('senderSeq', flags.senderSeq),
    member('prevSenderSeq', flags.prevSenderSeq),
    member('senderEpoch', flags.senderEpoch),
    `"body":${body === undefined ? JSON.stringify({ text }) : checkedJson('--body', body)}`,
    meta === undefined ? null : `"meta":${checkedJson('--meta', meta)}`,
  ];
  return Buffer.from(`{${members.filter((one) => one !== null).join(',')}}`, 'utf8');
}

function member(name: string, value: string | number | undefined): string | null {
  return value === undefined ? null : `${JSON.stringify(name)}:${JSON.stringify(value)}`;
}

function checkedJson(flag: string, json: string): string {
  try {
    JSON.parse(json);
  } catch (error) {
    throw new InorderError(
      'usage',
      `${flag} is not JSON (${(error as Error).message}); quote it for the shell: ${flag} '{"a":1}'`,
    );
  }
  return json;
}
