/** A message as one readable line; columns of fixed width, so that lines that come one by one still line up. */
import { padEnd, padStart, shortened, visible } from './terminal-text.js';

export interface ShownMessage {
  readonly conversationId: string;
  readonly seq: number;
  readonly senderId: string;
  readonly stampedAt: number;
  readonly late: boolean;
  readonly body: Buffer;
}

const WIDTHS = { time: 12, conversation: 26, seq: 6, sender: 14 } as const;
const NARROWEST_TEXT = 20;
/** More of a body than any terminal shows need not be parsed. */
const PARSED_BODY_BYTES = 65_536;

export function messageHead(): string {
  const { time, conversation, seq, sender } = WIDTHS;
  return [
    padEnd('time', time),
    padEnd('conversation', conversation),
    padStart('seq', seq),
    padEnd('sender', sender),
    'text',
  ].join('  ');
}

/** `width` is that of the terminal; the text takes what the columns leave. */
export function messageLine(message: ShownMessage, width: number): string {
  const before = [
    padEnd(localTime(message.stampedAt), WIDTHS.time),
    column(message.conversationId, WIDTHS.conversation),
    padStart(String(message.seq), WIDTHS.seq),
    column(message.senderId, WIDTHS.sender),
  ].join('  ');
  const columnsBefore = WIDTHS.time + WIDTHS.conversation + WIDTHS.seq + WIDTHS.sender + 8;
  const text = `${message.late ? '(late) ' : ''}${visible(textOf(message.body))}`;
  return `${before}  ${shortened(text, Math.max(NARROWEST_TEXT, width - columnsBefore))}`.trimEnd();
}

function column(text: string, width: number): string {
  return padEnd(shortened(visible(text), width), width);
}

/** Hours to milliseconds in the time zone of whoever reads it. */
function localTime(ms: number): string {
  const at = new Date(ms);
  const two = (value: number): string => String(value).padStart(2, '0');
  const clock = [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':');
  return `${clock}.${String(at.getMilliseconds()).padStart(3, '0')}`;
}

/** What a person would call the text of a body: a string, or its `text`; else the JSON as it came. */
export function textOf(body: Buffer): string {
  const json = body.subarray(0, PARSED_BODY_BYTES).toString('utf8');
  if (body.byteLength > PARSED_BODY_BYTES) return json;
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === 'string') return value;
    if (typeof value === 'object' && value !== null && 'text' in value && typeof value.text === 'string')
      return value.text;
  } catch {
    return json;
  }
  return json;
}
