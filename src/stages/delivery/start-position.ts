import type { Clock } from '../../clock/clock.js';
import { messageOf } from '../../errors.js';
import type { KafkaAdmin } from '../../kafka/admin.js';
import type { Log } from '../../observe/log.js';
import { backoffMs } from '../backoff.js';

/** The first position of a partition for a group that wants only what is yet to come. */
export interface StartPositions {
  /** Null where the group has committed one: then that is it. */
  startOf(partition: number): Promise<number | null>;
}

/** After the last record, where the group has committed nothing. */
export function fromTheEnd(admin: KafkaAdmin, groupId: string, topic: string): StartPositions {
  return {
    startOf: async (partition) => {
      if ((await admin.committed(groupId, topic, partition)) !== null) return null;
      return (await admin.logRange(topic, partition)).endOffset;
    },
  };
}

const BACKOFF = { initialMs: 50, maxMs: 2_000, jitter: 0.2 };

/**
 * Asks until there is an answer; null too where `signal` aborted first. Never rejects. "After the last record" must be
 * settled once and then committed: asked again at each rebalance, it would skip what came in between.
 */
export async function findStart(
  deps: { readonly startPositions: StartPositions; readonly clock: Clock; readonly log: Log },
  partition: number,
  signal: AbortSignal,
): Promise<number | null> {
  const { startPositions, clock, log } = deps;
  for (let failures = 1; !signal.aborted; failures++) {
    try {
      return await startPositions.startOf(partition);
    } catch (error) {
      log.warn('the start of a partition could not be found yet', { partition, failures, error: messageOf(error) });
    }
    await clock.sleep(backoffMs(BACKOFF, failures, Math.random()), signal);
  }
  return null;
}
