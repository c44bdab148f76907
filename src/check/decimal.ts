/** Ids as decimal strings without leading zeros, compared as numbers: a BigInt a message would cost more than the rule. */

/** Less than 0 where `a` is smaller, 0 where they are equal. */
export function compareDecimal(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a === b ? 0 : 1;
}

const PARTITION_AT = 12;
/** The low 22 bits, which the higher ones can't change. */
const LOW_BITS = 2 ** 22 - 1;

/** The partition in a `msgId` of Inorder (bits 12 to 21), exact whatever its length. */
export function partitionIn(msgId: string): number {
  let low = 0;
  for (let at = 0; at < msgId.length; at++) low = (low * 10 + msgId.charCodeAt(at) - DIGIT_0) & LOW_BITS;
  return low >>> PARTITION_AT;
}

const DIGIT_0 = 0x30;
