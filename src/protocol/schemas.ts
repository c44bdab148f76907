/**
 * The JSON Schema files under schemas/ are the one source of the wire shapes: for the validators here, for the docs and
 * for the tests. They are read and compiled once, when this module is loaded; a file that is missing or broken
 * throws there.
 */
import { readFileSync } from 'node:fs';
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';

/** What our schemas say of a member. */
export interface MemberSchema {
  readonly type?: 'string' | 'integer' | 'object';
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
}

export interface ObjectSchema {
  readonly properties: Readonly<Record<string, MemberSchema>>;
}

/** What an envelope holds once it is valid, numbers beyond doubles aside: those are judged by their text. */
export interface EnvelopeFields {
  readonly senderId: string;
  readonly receiverId?: string;
  readonly groupId?: string;
  readonly clientMsgId: string;
  readonly sentAt: number;
  readonly senderSeq?: number;
  readonly prevSenderSeq?: number;
  readonly senderEpoch?: number;
}

export interface DeliveryFields {
  readonly conversationId: string;
  readonly seq: number;
  readonly msgId: string;
  readonly senderId: string;
  readonly receiverId?: string;
  readonly groupId?: string;
  readonly clientMsgId: string;
  readonly senderSeq?: number;
  readonly senderEpoch?: number;
  readonly sentAt: number;
  readonly receivedAt: number;
  readonly stampedAt: number;
  readonly late?: true;
}

/** Says whether `value` is valid; `errors` holds why the last one was not. */
export interface Validator<Fields> {
  (value: unknown): value is Fields;
  errors?: ErrorObject[] | null;
}

/** All errors, so that the most telling one can be chosen. There are few: both schemas are flat. */
const ajv = new Ajv2020({ allErrors: true, strictTypes: true });

// Two levels up lies the package root, from src/protocol as from dist/protocol.
function readSchema(fileName: string): ObjectSchema {
  const text = readFileSync(new URL(`../../schemas/${fileName}`, import.meta.url), 'utf8');
  return JSON.parse(text) as ObjectSchema;
}

export const envelopeSchema = readSchema('envelope.v1.json');
export const deliverySchema = readSchema('delivery.v1.json');
export const isEnvelope: Validator<EnvelopeFields> = ajv.compile<EnvelopeFields>(envelopeSchema);
export const isDelivery: Validator<DeliveryFields> = ajv.compile<DeliveryFields>(deliverySchema);
