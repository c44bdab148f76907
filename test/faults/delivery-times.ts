import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../support/until.js';
import type { InorderProcess } from '../support/stage-process.js';

/** When messages arrive at a live reader, by lane: what a user of the delivery topic sees of a takeover. */
export class DeliveryTimes {
  readonly #seen = new Set<string>();
  readonly #arrivals = new Map<number, number[]>();

  /** @param tail a running `inorder tail --json`. */
  constructor(tail: InorderProcess) {
    tail.onLine((line) => {
      const { msgId } = JSON.parse(line) as { msgId: string };
      this.#seen.add(msgId);
      const partition = Number((BigInt(msgId) >> 12n) & 0x3ffn);
      const arrivals = this.#arrivals.get(partition) ?? [];
      arrivals.push(Date.now());
      this.#arrivals.set(partition, arrivals);
    });
  }

  /** Different messages seen; a reader that joins its group again may read one twice. */
  get count(): number {
    return this.#seen.size;
  }

  /** Waits until every lane delivers, so that a fault hits a pipeline at work. */
  async flowing(lanes: readonly number[]): Promise<void> {
    const sinceMs = Date.now();
    await Promise.all(lanes.map((lane) => this.firstFrom([lane], sinceMs, 60_000)));
  }

  /** When the last of these lanes delivered its first message after `sinceMs`. */
  async firstFrom(lanes: readonly number[], sinceMs: number, timeoutMs: number): Promise<number> {
    const first = (lane: number): number | undefined => this.#arrivals.get(lane)?.find((ms) => ms >= sinceMs);
    const arrived = (): boolean => lanes.every((lane) => first(lane) !== undefined);
    await until(`a delivery from each of the lanes ${lanes.join(' ')}`, arrived, timeoutMs);
    return Math.max(sinceMs, ...lanes.map((lane) => first(lane) ?? 0));
  }

  /** The longest silence of any of these lanes between two moments. */
  longestSilenceMs(lanes: readonly number[], fromMs: number, toMs: number): number {
    const silences = lanes.flatMap((lane) => {
      const inside = (this.#arrivals.get(lane) ?? []).filter((ms) => ms > fromMs && ms < toMs);
      const marks = [fromMs, ...inside, toMs];
      return marks.slice(1).map((ms, index) => ms - (marks[index] ?? ms));
    });
    return Math.max(0, ...silences);
  }

  /** A random moment is part of the fault, not a wait for a condition. */
  async moment(ms: number): Promise<void> {
    await delay(ms);
  }
}
