import { chronyLook } from './chrony.js';
import type { ClockProbe } from './clock-monitor.js';
import type { Clock } from './clock.js';
import { referenceOf, type ClockLook } from './reference.js';
import { askNtpServer, type NtpServer } from './sntp.js';

/** Public servers don't want to be asked more often. */
const EVERY_MS = 16_000;

/**
 * NTP's word: chrony's where it runs on this host, else that of the servers. Of several servers the middle one is
 * believed, so that one that is wrong is outvoted from three on.
 */
export function ntpProbe(servers: readonly NtpServer[], clock: Clock, chronyc = 'chronyc'): ClockProbe {
  const chrony = chronyLook(clock, chronyc);
  const look = async (): Promise<ClockLook> => (await chrony()) ?? askServers(servers, clock);
  return { source: 'ntp', everyMs: EVERY_MS, firstLooks: 1, look };
}

async function askServers(servers: readonly NtpServer[], clock: Clock): Promise<ClockLook> {
  const looks = await Promise.all(servers.map((server) => askNtpServer(server, clock)));
  const samples = looks.flatMap((look) => (look.kind === 'seen' ? [look.sample] : []));
  const ordered = samples.sort((a, b) => referenceOf(a).aheadOfMonotonicMs - referenceOf(b).aheadOfMonotonicMs);
  const middle = ordered[(ordered.length - 1) >> 1];
  if (middle !== undefined) return { kind: 'seen', sample: middle };
  return looks[0] ?? { kind: 'nobody' };
}
