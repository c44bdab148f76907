import { execFileSync } from 'node:child_process';

export { birthOf } from '../../src/files/process-facts.js';

/** A process, told from a later one of the same pid. */
export interface ProcessId {
  readonly pid: number;
  readonly birth: string | null;
}

export function parentOf(pid: number): number {
  return Number(execFileSync('ps', ['-o', 'ppid=', '-p', String(pid)], { encoding: 'utf8' }));
}
