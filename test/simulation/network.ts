import { InorderError } from '../../src/errors.js';
import type { Random } from './random.js';
import type { Scheduler, SimProcess } from './scheduler.js';

const TIMEOUT_MS = 1_000;
const LATEST_MS = 8_000;
/** After this nothing asked before is still on its way. */
export const ALL_ARRIVED_MS = TIMEOUT_MS + LATEST_MS;

/** Between processes and servers: delays, lost requests, lost replies, and requests that arrive when nobody waits. */
export class Network {
  /** The share of requests that go wrong. */
  faultRate = 0;
  faultCount = 0;

  constructor(
    private readonly scheduler: Scheduler,
    private readonly random: Random,
  ) {}

  /** Asks a server, which does it whole at one moment. Rejects where nothing is known of it. */
  ask<T>(from: SimProcess, serve: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const fate = this.#fate();
      const arriveMs = fate === 'late' ? TIMEOUT_MS + this.random.below(LATEST_MS) : this.delayMs();
      if (fate !== 'request-lost') {
        this.scheduler.in(arriveMs, () => {
          const answer = serve();
          if (fate === 'fine') from.reach(this.delayMs(), () => resolve(answer));
        });
      }
      if (fate !== 'fine') {
        from.reach(TIMEOUT_MS, () => reject(new InorderError('kafka_unavailable', `simulated: ${fate}`)));
      }
    });
  }

  /** As `ask`; the request may come a second time, whenever, and what is answered to that nobody hears. */
  askTwice<T>(from: SimProcess, serve: () => T): Promise<T> {
    if (this.random.fraction() < this.faultRate / 2) {
      this.faultCount += 1;
      this.scheduler.in(this.random.below(2) === 0 ? this.delayMs() : this.random.below(LATEST_MS), serve);
    }
    return this.ask(from, serve);
  }

  /** Mostly short, sometimes long. */
  delayMs(): number {
    return this.random.below(20) === 0 ? this.random.below(400) : 1 + this.random.below(4);
  }

  #fate(): 'fine' | 'request-lost' | 'reply-lost' | 'late' {
    if (this.random.fraction() >= this.faultRate) return 'fine';
    this.faultCount += 1;
    return (['request-lost', 'reply-lost', 'late'] as const)[this.random.below(3)] ?? 'fine';
  }
}
