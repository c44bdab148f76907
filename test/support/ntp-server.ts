/** An NTP server on this host, as wrong as a test wants it. */
import { createSocket } from 'node:dgram';

export interface TestNtpServer {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

const UNIX_EPOCH_S = 2_208_988_800;

/** The answer of a good server whose clock is off by `offMs`. */
export function answerTo(question: Buffer, offMs = 0): Buffer {
  const packet = Buffer.alloc(48);
  packet[0] = 0x24; // version 4, a server
  packet[1] = 2;
  packet.writeUInt32BE(65_536 / 100, 4); // 10 ms from its source and back
  packet.writeUInt32BE(65_536 / 500, 8); // 2 ms of dispersion
  question.copy(packet, 24, 40, 48);
  stamp(packet, 32, Date.now() + offMs);
  stamp(packet, 40, Date.now() + offMs);
  return packet;
}

function stamp(packet: Buffer, at: number, ms: number): void {
  packet.writeUInt32BE((Math.floor(ms / 1_000) + UNIX_EPOCH_S) % 2 ** 32, at);
  packet.writeUInt32BE(Math.floor(((ms % 1_000) / 1_000) * 2 ** 32), at + 4);
}

/** Answers each question with these packets. */
export async function startNtpServer(answers: (question: Buffer) => Buffer[]): Promise<TestNtpServer> {
  const socket = createSocket('udp4');
  socket.on('message', (question, { port, address }) => {
    for (const answer of answers(question)) socket.send(answer, port, address);
  });
  await new Promise<void>((bound) => socket.bind(0, '127.0.0.1', bound));
  const close = (): Promise<void> => new Promise((closed) => socket.close(() => closed()));
  return { host: '127.0.0.1', port: socket.address().port, close };
}
