/**
 * What is wrong with an envelope, as a reason and a sentence that names the field, what it holds and what was expected.
 * Values are shortened; those of `body` and `meta` are never shown. None of this is on the hot path.
 */
import type { ErrorObject } from 'ajv/dist/2020.js';
import { MAX_NESTING } from './canonical-writer.js';
import type { DeadLetterReason } from './reasons.js';
import type { ScanFault } from './scan-object.js';
import { envelopeSchema } from './schemas.js';
import { isWholeNumber } from './whole-number.js';

export interface EnvelopeFault {
  readonly reason: DeadLetterReason;
  /** A sentence a person understands, naming the field. */
  readonly detail: string;
}

/** A parsed JSON object, and the text of one of its members as it came. */
export interface Document {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly textOf: (field: string) => string;
}

const MAX_SHOWN_CHARACTERS = 40;

/** V8's message is not passed on: it quotes the text. */
export function syntaxFault(thrown: unknown): EnvelopeFault {
  const message = thrown instanceof Error ? thrown.message : '';
  const position = / in JSON at position (\d+)/.exec(message)?.[1];
  const token = /^Unexpected token '(.)'/su.exec(message)?.[1];
  let what = '';
  if (position !== undefined) what = `, from character ${position} on`;
  else if (token !== undefined) what = `: unexpected ${JSON.stringify(token)}`;
  else if (message.startsWith('Unexpected end')) what = ': it ends too early';
  return { reason: 'not_json', detail: `the value is not JSON${what}` };
}

export function notUtf8Fault(value: Uint8Array): EnvelopeFault {
  const isUtf16 = (value[0] === 0xff && value[1] === 0xfe) || (value[0] === 0xfe && value[1] === 0xff);
  return { reason: 'not_utf8', detail: `the value is not UTF-8${isUtf16 ? ' (it looks like UTF-16)' : ''}` };
}

export function notAnObjectFault(parsed: unknown): EnvelopeFault {
  return { reason: 'not_an_object', detail: `the value is ${kindOf(parsed)}: expected an object` };
}

export function scanFault({ reason, member, repeated, atByte }: ScanFault): EnvelopeFault {
  const where = member ?? 'the envelope';
  switch (reason) {
    case 'nesting_too_deep':
      return {
        reason,
        detail: `${where} is nested too deep at byte ${atByte}: expected at most ${MAX_NESTING} levels`,
      };
    case 'duplicate_name':
      return {
        reason,
        detail:
          repeated === null
            ? `${where} holds an object with two members of one name, at byte ${atByte}`
            : `field ${shortened(repeated)} is there twice`,
      };
    case 'ill_formed_text':
      return { reason, detail: `${where} holds half of a surrogate pair, at byte ${atByte}: expected Unicode text` };
    case 'nul_character':
      return { reason, detail: `${where} holds U+0000, at byte ${atByte}: expected text without it` };
  }
}

export function unknownFieldFault(name: string): EnvelopeFault {
  const meant = Object.keys(envelopeSchema.properties).find((field) => plain(field) === plain(name));
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
  return { reason: 'unknown_field', detail: `unknown field ${shortened(name)}${hint}` };
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z]/g, '');
}

/** @param errors what the validator of envelopes found, at least one. */
export function schemaFault(errors: readonly ErrorObject[], document: Document): EnvelopeFault {
  const faults = errors.map((error) => faultOfError(error, document));
  for (const reason of ['missing_field', 'wrong_type', 'out_of_range', 'receiver_or_group'] as const) {
    const fault = faults.find((one) => one?.reason === reason);
    if (fault) return fault;
  }
  return senderNumbersFault(document);
}

/** @returns null for the branches of `oneOf`, which is an error of its own. */
function faultOfError(error: ErrorObject, document: Document): EnvelopeFault | null {
  if (error.keyword === 'oneOf') return receiverOrGroupFault(document.fields);
  if (error.schemaPath.startsWith('#/oneOf')) return null;
  if (error.keyword === 'required') {
    const field = String(error.params['missingProperty']);
    return { reason: 'missing_field', detail: `${field} is missing: expected ${expectationOf(field)}` };
  }
  return error.instancePath === '' ? null : memberFault(error.instancePath.slice(1), document);
}

function receiverOrGroupFault(fields: Document['fields']): EnvelopeFault {
  const detail =
    fields['receiverId'] === undefined
      ? 'receiverId and groupId are both missing: expected exactly one of them'
      : 'receiverId and groupId are both there: expected exactly one of them';
  return { reason: 'receiver_or_group', detail };
}

/** The fault of a member that is there. Whether a number is an integer is judged by its text. */
export function memberFault(field: string, { fields, textOf }: Document): EnvelopeFault {
  const value = fields[field];
  const { type } = envelopeSchema.properties[field] ?? {};
  const inRange =
    type === 'integer' ? typeof value === 'number' && isWholeNumber(textOf(field)) : typeof value === type;
  const reason = inRange && type !== 'object' ? 'out_of_range' : 'wrong_type';
  const hint = value === null ? '; leave out a field that has no value' : '';
  return { reason, detail: `${field} ${describe(field, value, textOf)}: expected ${expectationOf(field)}${hint}` };
}

/** `prevSenderSeq` and `senderEpoch` belong to a `senderSeq`, and the previous number is smaller. */
export function senderNumbersFault({ fields, textOf }: Document): EnvelopeFault {
  const previous = fields['prevSenderSeq'] === undefined ? undefined : ellipsed(textOf('prevSenderSeq'));
  if (fields['senderSeq'] === undefined) {
    const field = previous === undefined ? 'senderEpoch' : 'prevSenderSeq';
    return { reason: 'sender_numbers', detail: `${field} is there without senderSeq: expected both, or neither` };
  }
  const detail = `prevSenderSeq is ${String(previous)}: expected less than senderSeq, ${ellipsed(textOf('senderSeq'))}`;
  return { reason: 'sender_numbers', detail };
}

function expectationOf(field: string): string {
  const { type, minLength, maxLength, minimum, maximum } = envelopeSchema.properties[field] ?? {};
  switch (type) {
    case 'string':
      return `a string of ${String(minLength)} to ${String(maxLength)} characters`;
    case 'integer':
      return `an integer from ${String(minimum)} to ${String(maximum)}`;
    case 'object':
      return 'an object';
    default:
      return 'any JSON value';
  }
}

function describe(field: string, value: unknown, textOf: Document['textOf']): string {
  if (field === 'body' || field === 'meta') return `is ${kindOf(value)}`;
  if (typeof value === 'string') {
    const shown = shortened(value);
    const count = Array.from(value).length;
    return count > MAX_SHOWN_CHARACTERS ? `has ${count} characters (${shown})` : `is ${shown}`;
  }
  if (typeof value === 'number') return `is ${ellipsed(textOf(field))}`;
  return `is ${typeof value === 'boolean' ? String(value) : kindOf(value)}`;
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function shortened(text: string): string {
  return JSON.stringify(ellipsed(text));
}

function ellipsed(text: string): string {
  // Two units make a character at most.
  const characters = Array.from(text.slice(0, 2 * MAX_SHOWN_CHARACTERS + 2));
  return characters.length > MAX_SHOWN_CHARACTERS ? `${characters.slice(0, MAX_SHOWN_CHARACTERS).join('')}…` : text;
}
