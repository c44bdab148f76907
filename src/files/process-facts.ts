/** What the system says of a process: whether it lives, since when, and what it runs. A pid alone names nobody. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const PS_TIMEOUT_MS = 5_000;

/** The command line of a living process; null where there is none (a zombie has none either). Never throws. */
export function commandLineOf(pid: number): string | null {
  const linux = readProc(pid, 'cmdline');
  if (linux !== undefined) return linux === null || linux === '' ? null : linux.replaceAll('\0', ' ').trim();
  return ps(pid, 'command=');
}

/**
 * Tells a process from a later one of the same pid; null where none lives. Equal stamps, same process.
 * Never throws.
 */
export function birthOf(pid: number): string | null {
  const stat = readProc(pid, 'stat');
  if (stat === undefined) return ps(pid, 'lstart=');
  if (stat === null) return null;
  // `pid (name) state … starttime`: the name may hold spaces and brackets, so count from the last bracket.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, starttime] = [fields[0], fields[19]];
  return state === undefined || starttime === undefined || 'ZX'.includes(state) ? null : starttime;
}

/** @returns undefined where the system has no /proc, null where it has none for this pid. */
function readProc(pid: number, file: 'cmdline' | 'stat'): string | null | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return null;
  }
}

function ps(pid: number, column: string): string | null {
  const options = { encoding: 'utf8', timeout: PS_TIMEOUT_MS } as const;
  const { status, stdout } = spawnSync('ps', ['-ww', '-o', 'stat=', '-o', column, '-p', String(pid)], options);
  const [state = 'Z', ...rest] = status === 0 ? stdout.trim().split(/\s+/) : [];
  return state.startsWith('Z') || rest.length === 0 ? null : rest.join(' ');
}
