import type { LogEnd, LogicBatch, LogicRecord } from '../../ordering/decide.js';
import type { LogicOffset } from '../../protocol/ids.js';
import { decodeLogicRecord } from '../../protocol/logic-record.js';
import type { KafkaRecord } from '../../record.js';

/**
 * Reads the records of `im.logic` from `fromOffset` on, maybe none; one that can't be read takes its place as a dead
 * letter. Never throws.
 */
export function readBatch(
  records: readonly KafkaRecord[],
  fromOffset: LogicOffset,
  end: LogEnd | null = null,
): LogicBatch {
  const read: LogicRecord[] = [];
  let nextOffset: number = fromOffset;
  for (const record of records) {
    nextOffset = record.offset + 1;
    const decoded = decodeLogicRecord(record);
    if (decoded.ok) {
      read.push({ kind: 'incoming', incoming: decoded.incoming });
    } else {
      const { reason, detail, place, original } = decoded;
      read.push({ kind: 'refused', logicOffset: record.offset as LogicOffset, reason, detail, place, original });
    }
  }
  return { records: read, nextOffset: nextOffset as LogicOffset, end };
}
