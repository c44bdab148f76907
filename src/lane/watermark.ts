/**
 * The forwarded watermark: the last msgId a lane delivered, kept as the metadata of the group's committed offset, so
 * that it moves in the same Kafka transaction as the delivery it speaks of.
 */
import type { MsgId } from '../protocol/ids.js';

export function encodeWatermark(msgId: MsgId): string {
  return msgId.toString();
}

/** The watermark, or null where the text is none (an offset committed by something that is not a lane). */
export function decodeWatermark(metadata: string | null): MsgId | null {
  return metadata !== null && /^\d{1,19}$/.test(metadata) ? (BigInt(metadata) as MsgId) : null;
}
