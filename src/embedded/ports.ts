/** Which port a server listens on. Everything here is about 127.0.0.1: the embedded servers listen nowhere else. */
import { connect, createServer } from 'node:net';
import { InorderError } from '../errors.js';

export const LOOPBACK = '127.0.0.1';

export interface PortWish {
  /** What the person set; null: nothing; 0: any free one. */
  readonly asked: number | null;
  /** The setting that `asked` came from, for the error. */
  readonly variable: string;
  /** The port of the last run on this data dir. */
  readonly remembered: number | undefined;
  /** The port everybody expects; null where nobody does. */
  readonly usual: number | null;
}

/**
 * Below every system's range of ports for outgoing connections: a client that tries to reach a server while it
 * restarts could otherwise be given that very port, connect to itself, and keep the server from coming back.
 */
const LOWEST_FREE = 20_000;
const HIGHEST_FREE = 32_000;
const MAX_TRIES = 100;
const CONNECT_TIMEOUT_MS = 500;

/** The port asked for, or the last one, or the usual one, or any: the first that is free and not in `taken`. */
export async function choosePort(wish: PortWish, taken: readonly number[] = []): Promise<number> {
  const isOpen = async (port: number): Promise<boolean> => !taken.includes(port) && (await isFree(port));
  if (wish.asked !== null && wish.asked !== 0) {
    if (await isOpen(wish.asked)) return wish.asked;
    throw new InorderError(
      'config_invalid',
      `${wish.variable} is ${wish.asked}, and that port is taken: stop what listens there, or set ${wish.variable} to another port`,
    );
  }
  const usual = wish.asked === 0 ? null : wish.usual;
  for (const port of [wish.remembered, usual]) {
    if (typeof port === 'number' && (await isOpen(port))) return port;
  }
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const port = LOWEST_FREE + Math.floor(Math.random() * (HIGHEST_FREE - LOWEST_FREE));
    if (await isOpen(port)) return port;
  }
  throw new InorderError('server_start_failed', `no free port between ${LOWEST_FREE} and ${HIGHEST_FREE}`);
}

/** Whether a server could listen there now: nobody answers, and the system lets us bind it. */
export async function isFree(port: number): Promise<boolean> {
  return !(await answers(port)) && (await canBind(port));
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: LOOPBACK, timeout: CONNECT_TIMEOUT_MS });
    const settle = (answered: boolean): void => {
      socket.destroy();
      resolve(answered);
    };
    socket.once('connect', () => settle(true));
    socket.once('timeout', () => settle(false));
    socket.once('error', () => settle(false));
  });
}

function canBind(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: LOOPBACK, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
