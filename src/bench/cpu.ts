import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts in clock ticks of 1/100 s, whatever the kernel's own tick (proc(5), USER_HZ). */
const TICKS_PER_SECOND = 100;

/**
 * CPU seconds, user and system, that a process and its living descendants have used; null where the system doesn't
 * tell (no /proc). A postmaster's backends are its descendants; those that ended are counted by their parent.
 */
export function cpuSecondsOf(pid: number): number | null {
  try {
    const parents = processTree();
    const tree = [pid];
    for (const each of tree) tree.push(...(parents.get(each) ?? []));
    return tree.reduce((sum, each) => sum + (ownSeconds(each) ?? 0), 0);
  } catch {
    return null;
  }
}

/** Resident memory in bytes; null where the system doesn't tell. */
export function residentBytesOf(pid: number): number | null {
  try {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kib === undefined ? null : Number(kib) * 1024;
  } catch {
    return null;
  }
}

function processTree(): Map<number, number[]> {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const fields = statFields(Number(name));
    const parent = Number(fields?.[1]);
    if (fields !== null) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  return children;
}

function ownSeconds(pid: number): number | null {
  const fields = statFields(pid);
  if (fields === null) return null;
  // utime, stime, and those of children already waited for: fields 14 to 17 of proc(5), counted from the state (3).
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_PER_SECOND;
}

/** The fields of /proc/<pid>/stat from the state on; the name before it may hold spaces and parentheses. */
function statFields(pid: number): string[] | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return null; // it ended meanwhile
  }
}
