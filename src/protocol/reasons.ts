/**
 * Why a record became a dead letter. Codes are part of the contract (`inorder-dlq-reason`): they are added to, never
 * renamed. docs/dead-letters.md has an example of each and what to do.
 */
export type DeadLetterReason =
  | 'null_value'
  | 'empty_value'
  | 'too_large'
  | 'byte_order_mark'
  | 'not_utf8'
  | 'not_json'
  | 'not_an_object'
  | 'nesting_too_deep'
  | 'duplicate_name'
  | 'ill_formed_text'
  | 'nul_character'
  | 'unknown_field'
  | 'missing_field'
  | 'wrong_type'
  | 'out_of_range'
  | 'receiver_or_group'
  | 'sender_numbers'
  | 'conflicting_duplicate'
  | 'invalid_logic_record'
  | 'invalid_delivery_record'
  | 'handler_failed'
  | 'undecodable_batch'
  | 'internal_error';

/** What each means; those of an envelope roughly in the order in which it is judged. One reason is reported. */
export const DEAD_LETTER_REASONS: Readonly<Record<DeadLetterReason, string>> = {
  null_value: 'The record has no value (a tombstone).',
  empty_value: 'The value has no bytes.',
  too_large: 'The value has more bytes than are allowed (256 KiB unless configured otherwise).',
  byte_order_mark: 'The value begins with a byte order mark.',
  not_utf8: 'The value is not UTF-8.',
  not_json: 'The value is not JSON.',
  not_an_object: 'The value is JSON, but not an object.',
  nesting_too_deep: 'Arrays and objects are nested deeper than 64, the envelope itself included.',
  duplicate_name: 'An object has two members of the same name.',
  ill_formed_text: 'A string or a name holds half of a surrogate pair, which is not Unicode text.',
  nul_character: 'A string or a name holds U+0000.',
  unknown_field: 'The envelope has a field that version 1 does not know.',
  missing_field: 'A required field is absent.',
  wrong_type: 'A field holds a value of another type than it may, or a fraction where an integer is expected.',
  out_of_range: 'A string is empty or too long, or a number too small or too large.',
  receiver_or_group: 'There is neither a receiverId nor a groupId, or there are both.',
  sender_numbers: 'prevSenderSeq or senderEpoch without senderSeq, or prevSenderSeq not below senderSeq.',
  conflicting_duplicate: 'The clientMsgId was used before by this sender in this conversation, with other content.',
  invalid_logic_record: 'A record of the internal logic topic was not written by the ingest stage.',
  invalid_delivery_record: 'A record of the delivery topic was not written by a lane.',
  handler_failed: 'The handler of a delivery consumer failed too often.',
  undecodable_batch:
    'A record batch of the ingest topic cannot be unpacked: damaged, of an unknown codec, or too large.',
  internal_error: 'Judging the record failed: a bug of Inorder.',
};
