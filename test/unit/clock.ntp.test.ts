import { afterEach, describe, expect, test } from '@jest/globals';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { chronyLook, parseTracking } from '../../src/clock/chrony.js';
import { systemClock } from '../../src/clock/clock.js';
import { ntpProbe } from '../../src/clock/ntp-probe.js';
import { referenceOf, type ClockLook } from '../../src/clock/reference.js';
import { askNtpServer } from '../../src/clock/sntp.js';
import { answerTo, startNtpServer, type TestNtpServer } from '../support/ntp-server.js';

const servers: TestNtpServer[] = [];
const folders: string[] = [];

afterEach(async () => {
  for (const one of servers.splice(0)) await one.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** A server on this host that answers each question with these packets. */
async function server(answers: (question: Buffer) => Buffer[]): Promise<TestNtpServer> {
  const started = await startNtpServer(answers);
  servers.push(started);
  return started;
}

/** Our wall clock minus the one that was looked at. */
function offsetOf(look: ClockLook): number {
  if (look.kind !== 'seen') throw new Error(JSON.stringify(look));
  const { aheadOfMonotonicMs } = referenceOf(look.sample);
  return systemClock.nowMs() - systemClock.monotonicMs() - aheadOfMonotonicMs;
}

describe('an NTP server', () => {
  test.each([0, 250, -250, 3_600_000])('whose clock differs by %i ms is read so', async (offMs) => {
    const look = await askNtpServer(await server((question) => [answerTo(question, offMs)]), systemClock);
    if (look.kind !== 'seen') throw new Error(look.kind);
    const { errorMs } = referenceOf(look.sample);
    expect(errorMs).toBeGreaterThanOrEqual(6.9); // half of the way to its source, and its dispersion
    expect(Math.abs(offsetOf(look) + offMs)).toBeLessThanOrEqual(errorMs + 2);
  });

  test('is believed in the era after 2036 too', async () => {
    const offMs = Date.UTC(2040, 0, 1) - Date.now();
    const look = await askNtpServer(await server((question) => [answerTo(question, offMs)]), systemClock);
    expect(Math.abs(offsetOf(look) + offMs)).toBeLessThan(1_000);
  });

  test('is waited for through answers that are not to our question', async () => {
    const forged = (question: Buffer): Buffer => {
      const packet = answerTo(question, 3_600_000);
      packet.fill(7, 24, 32);
      return packet;
    };
    const asked = await server((question) => [forged(question), Buffer.from('short'), answerTo(question)]);
    expect(Math.abs(offsetOf(await askNtpServer(asked, systemClock)))).toBeLessThan(1_000);
  });

  test.each([
    ['refuses to serve (RATE)', (packet: Buffer) => (packet.write('RATE', 12), packet.writeUInt8(0, 1))],
    ['is not synchronised itself', (packet: Buffer) => packet.writeUInt8(0xe4, 0)],
    ['is not synchronised itself', (packet: Buffer) => packet.writeUInt8(16, 1)],
    ['answered in mode 3, not as a server', (packet: Buffer) => packet.writeUInt8(0x23, 0)],
    ['told no time', (packet: Buffer) => packet.fill(0, 40, 48)],
  ])('that %s is no word', async (reason, spoil) => {
    const asked = await server((question) => {
      const packet = answerTo(question);
      spoil(packet);
      return [packet];
    });
    const look = await askNtpServer(asked, systemClock);
    expect(look).toEqual({ kind: 'silent', reason: `NTP server 127.0.0.1:${asked.port}: ${reason}` });
  });

  test('that is wrong is outvoted by two that are right', async () => {
    const asked = await Promise.all(
      [0, 3_600_000, 0].map((offMs) => server((question) => [answerTo(question, offMs)])),
    );
    const probe = ntpProbe(asked, systemClock, 'no-such-chronyc');
    expect(Math.abs(offsetOf(await probe.look()))).toBeLessThan(1_000);
    expect(await ntpProbe([], systemClock, 'no-such-chronyc').look()).toEqual({ kind: 'nobody' });
  });
});

describe('chrony', () => {
  const tracking = (slowS: string, leap = 'Normal', stratum = '3'): string =>
    `C0A80001,192.168.0.1,${stratum},1790000000.123,${slowS},0.000001,0.00002,-12.3,0.0,0.05,0.010,0.002,64.2,${leap}\n`;

  function chronyc(script: string): string {
    const folder = mkdtempSync(join(tmpdir(), 'inorder-chrony-'));
    folders.push(folder);
    const path = join(folder, 'chronyc');
    writeFileSync(path, `#!/bin/sh\n${script}\n`);
    chmodSync(path, 0o755);
    return path;
  }

  test('says how slow this host is, and how sure it is', () => {
    expect(parseTracking(tracking('0.250000000'))).toEqual({
      ...{ slowMs: 250, errorMs: 7, measuredAtS: 1_790_000_000.123 },
    });
    expect(parseTracking(tracking('-0.250000000'))).toMatchObject({ slowMs: -250, errorMs: 7 });
    expect(parseTracking(tracking('0.0', 'Not synchronised'))).toBeNull();
    expect(parseTracking(tracking('0.0', 'Normal', '0'))).toBeNull();
    expect(parseTracking(tracking('0.0').replace('C0A80001', '7F7F0101'))).toBeNull();
    expect(parseTracking('506 Cannot talk to daemon')).toBeNull();
  });

  test('is asked before the servers; a slow clock is behind the truth', async () => {
    const command = chronyc(`[ "$*" = '-c tracking' ] && printf '%s' '${tracking('0.250000000').trim()}'`);
    const wrong = await server((question) => [answerTo(question, 3_600_000)]);
    const look = await ntpProbe([wrong], systemClock, command).look();
    expect(offsetOf(look)).toBeGreaterThan(-250 - 20);
    expect(offsetOf(look)).toBeLessThan(-250 + 20);
  });

  test('is not believed when somebody else set the clock, until it has measured again', async () => {
    let steppedMs = 0;
    const clock = { ...systemClock, nowMs: () => systemClock.nowMs() + steppedMs };
    const answer = join(mkdtempSync(join(tmpdir(), 'inorder-chrony-')), 'answer');
    folders.push(dirname(answer));
    const look = chronyLook(clock, chronyc(`cat ${answer}`));
    writeFileSync(answer, tracking('0.0'));
    expect((await look())?.kind).toBe('seen');
    steppedMs = 3_600_000;
    expect((await look())?.kind).toBe('silent');
    writeFileSync(answer, tracking('-3600.0').replace('1790000000', '1790003664')); // it knows now
    const known = await look();
    expect(known?.kind === 'seen' ? Math.abs(offsetOf(known)) : NaN).toBeLessThan(20);
    steppedMs = 0;
    expect((await look())?.kind).toBe('silent');
  });

  test('that is not installed or does not run leaves the word to the servers', async () => {
    expect(await chronyLook(systemClock, 'no-such-chronyc')()).toBeNull();
    expect(await chronyLook(systemClock, chronyc('echo "506 Cannot talk to daemon"; exit 1'))()).toBeNull();
  });
});
