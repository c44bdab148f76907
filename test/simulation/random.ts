import { SeededRandom } from '../../src/workload/random.js';

/** Chance by seed: the same seed is the same run. */
export class Random extends SeededRandom {
  /** A whole number from 0, below `bound`. */
  below(bound: number): number {
    return Math.floor(this.fraction() * bound);
  }
}
