import type { DeliveryRecord } from '../evidence.js';

/**
 * Rule 10. Along a partition the lane's epoch (header `inorder-epoch`) never falls, aborted copies included: who writes
 * after a newer owner wrote is a former owner that was not fenced. Records without the header are passed over; a
 * partition of which none carries it is not judged.
 */
export class EpochNeverFalls {
  readonly #last = new Map<number, { epoch: number; offset: number }>();
  judged = 0;

  judge({ partition, offset, laneEpoch }: DeliveryRecord): { sentence: string; highestAt: number } | null {
    if (laneEpoch === null) return null;
    this.judged += 1;
    const last = this.#last.get(partition);
    if (last !== undefined && laneEpoch < last.epoch) {
      return { sentence: `epoch ${laneEpoch} follows ${last.epoch} in partition ${partition}`, highestAt: last.offset };
    }
    if (last === undefined || laneEpoch > last.epoch) this.#last.set(partition, { epoch: laneEpoch, offset });
    return null;
  }
}
