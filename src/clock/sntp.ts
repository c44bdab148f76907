/**
 * One question to an NTP server: the client of RFC 4330, a packet each way. Own code, because the kept library
 * (ntp-time) takes the first packet from anybody for the answer, reads a server that refuses (stratum 0) as a good
 * one, and measures with the wall clock, whose steps are what we look for.
 */
import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { lookup } from 'node:dns/promises';
import { messageOf } from '../errors.js';
import type { Clock } from './clock.js';
import type { ClockLook, ClockSample } from './reference.js';

export interface NtpServer {
  readonly host: string;
  readonly port: number;
}

const ANSWERS_WITHIN_MS = 2_000;
const PACKET_BYTES = 48;
/** Where the fields of a packet are. */
const AT = { stratum: 1, rootDelay: 4, rootDispersion: 8, originate: 24, receive: 32, transmit: 40 } as const;
/** No leap warning, version 4, mode 3: client. */
const CLIENT_HEAD = 0x23;
const MODE_SERVER = 4;
const LEAP_UNSYNCHRONISED = 3;
const MAX_STRATUM = 15;
const UNIX_EPOCH_S = 2_208_988_800;
/** NTP's seconds began anew in 2036: small ones belong to the second era. */
const ERA_S = 2 ** 32;

/** Never rejects; silence says who didn't answer, or what was wrong with the answer. */
export async function askNtpServer(server: NtpServer, clock: Clock): Promise<ClockLook> {
  const name = `${server.host}:${server.port}`;
  let socket: Socket | null = null;
  try {
    const { address } = await lookup(server.host);
    socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    return { kind: 'seen', sample: await exchange(socket, { address, port: server.port }, clock) };
  } catch (error) {
    return { kind: 'silent', reason: `NTP server ${name}: ${messageOf(error)}` };
  } finally {
    socket?.close();
  }
}

function exchange(socket: Socket, to: { address: string; port: number }, clock: Clock): Promise<ClockSample> {
  // The server repeats it: an answer that doesn't is somebody else's, or an earlier question's.
  const nonce = randomBytes(8);
  const question = Buffer.alloc(PACKET_BYTES);
  question[0] = CLIENT_HEAD;
  nonce.copy(question, AT.transmit);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`no answer within ${ANSWERS_WITHIN_MS} ms`));
    }, ANSWERS_WITHIN_MS);
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      act();
    };
    let askedMs = clock.monotonicMs();
    socket.on('error', (error) => settle(() => reject(error)));
    socket.on('message', (answer) => {
      const answeredMs = clock.monotonicMs();
      if (answer.length < PACKET_BYTES || !answer.subarray(AT.originate, AT.originate + 8).equals(nonce)) return;
      const read = readAnswer(answer);
      settle(() => {
        if (typeof read === 'string') reject(new Error(read));
        else resolve({ source: 'ntp', askedMs, answeredMs, ...withoutWork(read, answeredMs - askedMs) });
      });
    });
    socket.connect(to.port, to.address, () => {
      askedMs = clock.monotonicMs();
      socket.send(question);
    });
  });
}

interface Answer {
  readonly receivedMs: number;
  readonly sentMs: number;
  readonly ownErrorMs: number;
}

/** Exported for its test. A sentence where the answer may not be used. */
export function readAnswer(packet: Buffer): Answer | string {
  const head = packet.readUInt8(0);
  const stratum = packet.readUInt8(AT.stratum);
  if ((head & 7) !== MODE_SERVER) return `answered in mode ${head & 7}, not as a server`;
  if (stratum === 0) return `refuses to serve (${packet.toString('latin1', 12, 16).replace(/[^ -~]/g, '')})`;
  if (stratum > MAX_STRATUM || head >> 6 === LEAP_UNSYNCHRONISED) return 'is not synchronised itself';
  const receivedMs = timestampMs(packet, AT.receive);
  const sentMs = timestampMs(packet, AT.transmit);
  if (packet.readUInt32BE(AT.transmit) === 0) return 'told no time';
  const ownErrorMs = shortMs(packet, AT.rootDelay) / 2 + shortMs(packet, AT.rootDispersion);
  return { receivedMs, sentMs, ownErrorMs };
}

/** The server's own work is no part of the way: what it said at its middle, with the error of the way alone. */
function withoutWork(answer: Answer, tookMs: number): { saidMs: number; ownErrorMs: number } {
  const workMs = Math.min(Math.max(answer.sentMs - answer.receivedMs, 0), tookMs);
  return { saidMs: (answer.receivedMs + answer.sentMs) / 2, ownErrorMs: answer.ownErrorMs - workMs / 2 };
}

function timestampMs(packet: Buffer, at: number): number {
  const seconds = packet.readUInt32BE(at);
  const era = seconds < ERA_S / 2 ? ERA_S : 0;
  return (seconds + era - UNIX_EPOCH_S) * 1_000 + (packet.readUInt32BE(at + 4) / ERA_S) * 1_000;
}

/** 16.16 bits of seconds. */
function shortMs(packet: Buffer, at: number): number {
  return (packet.readUInt32BE(at) / 65_536) * 1_000;
}
