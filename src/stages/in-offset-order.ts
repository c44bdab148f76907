import type { GroupBatch } from '../kafka/group-contract.js';
import type { UndecodableBatch } from '../kafka/read-records.js';
import type { KafkaRecord } from '../record.js';

/** All that a fetch brought, in offset order: its records, and between them the batches that can't be decoded. */
export function* inOffsetOrder({
  records,
  undecodable,
}: Pick<GroupBatch, 'records' | 'undecodable'>): Generator<KafkaRecord | UndecodableBatch, void> {
  let taken = 0;
  for (const record of records) {
    for (let next = undecodable[taken]; next !== undefined && next.firstOffset < record.offset;) {
      yield next;
      taken += 1;
      next = undecodable[taken];
    }
    yield record;
  }
  yield* undecodable.slice(taken);
}

export function isUndecodable(fetched: KafkaRecord | UndecodableBatch): fetched is UndecodableBatch {
  return 'firstOffset' in fetched;
}
