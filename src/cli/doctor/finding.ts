import { messageOf } from '../../errors.js';

export type FindingState = 'ok' | 'warn' | 'fail';

/** One thing that was looked at. */
export interface Finding {
  readonly state: FindingState;
  readonly area: 'host' | 'kafka' | 'postgresql' | 'clocks' | 'pipeline';
  readonly check: string;
  readonly found: string;
  /** What to do; null where all is well. */
  readonly advice: string | null;
}

export function ok(area: Finding['area'], check: string, found: string): Finding {
  return { state: 'ok', area, check, found, advice: null };
}

export function bad(
  state: 'warn' | 'fail',
  area: Finding['area'],
  check: string,
  found: string,
  advice: string,
): Finding {
  return { state, area, check, found, advice };
}

/** What was found, or that it couldn't be looked at: one check that fails keeps no other from being made. */
export async function lookAt(
  area: Finding['area'],
  check: string,
  advice: string,
  look: () => Promise<Finding[]>,
): Promise<Finding[]> {
  try {
    return await look();
  } catch (error) {
    return [bad('fail', area, check, messageOf(error), advice)];
  }
}
