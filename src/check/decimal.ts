/** Ids as decimal strings without leading zeros, compared as numbers: a BigInt a message would cost more than the rule. */

/** Less than 0 where `a` is smaller, 0 where they are equal. */
export function compareDecimal(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a === b ? 0 : 1;
}

const LOW_DIGITS = 7;
const LOW = 10 ** LOW_DIGITS;
const PARTITION_AT = 2 ** 12;
const PARTITIONS = 2 ** 10;
const MODULUS = PARTITION_AT * PARTITIONS;

/** The partition in a `msgId` of Inorder (bits 12 to 21), exact for any id of up to 22 digits. */
export function partitionIn(msgId: string): number {
  const low = Number(msgId.slice(-LOW_DIGITS));
  const high = Number(msgId.slice(0, -LOW_DIGITS)) % MODULUS;
  return Math.floor(((high * LOW + low) % MODULUS) / PARTITION_AT);
}
