/** The steps of a start as a person follows them: what begins, what came of it, how long it took. */
import { note } from './output.js';
import { Progress } from './progress.js';

export type Say = (text: string) => void;

const MARK = { done: '✔', failed: '✘' } as const;

/**
 * Runs one step and says so on standard error. `work` answers what to print beside the step's name; while it runs
 * it may `say` how far it is.
 */
export async function step<T>(
  name: string,
  work: (say: Say) => Promise<T>,
  outcome: (result: T) => string,
): Promise<T> {
  const begunMs = performance.now();
  const progress = new Progress();
  let latest = '';
  const timer = setInterval(() => progress.update(() => line(name, latest, begunMs)), SHOW_EVERY_MS);
  try {
    const result = await work((text) => {
      latest = text;
    });
    progress.end();
    const said = outcome(result);
    note(`${MARK.done} ${name}${said === '' ? '' : `: ${said}`} (${seconds(begunMs)})`);
    return result;
  } catch (error) {
    progress.end();
    if (!isAborted(error)) note(`${MARK.failed} ${name} (${seconds(begunMs)})`);
    throw error;
  } finally {
    clearInterval(timer);
  }
}

const SHOW_EVERY_MS = 250;

function line(name: string, latest: string, begunMs: number): string {
  return `… ${name}${latest === '' ? '' : `: ${latest}`} (${seconds(begunMs)})`;
}

function seconds(begunMs: number): string {
  return `${((performance.now() - begunMs) / 1000).toFixed(1)} s`;
}

function isAborted(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
