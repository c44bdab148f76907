import { createServer, connect, type Server, type Socket } from 'node:net';
import { once } from 'node:events';

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
  /** What the client sent and the server hasn't got; null while nothing is held. */
  held: Buffer[] | null;
}

/** Stands between clients and a server: cuts connections, holds what clients send, swallows what the server answers. */
export class TcpGate {
  readonly #target: { host: string; port: number };
  readonly #pairs = new Set<Pair>();
  #server: Server | null = null;
  #port = 0;
  #swallowsAnswers = false;
  #holdFrom: string | null = null;

  constructor(target: { host: string; port: number }) {
    this.#target = target;
  }

  get port(): number {
    return this.#port;
  }

  /** Lets connections through; at the same port as before. */
  async open(): Promise<void> {
    const server = createServer((near) => this.#join(near));
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    this.#port = address.port;
    this.#server = server;
  }

  /** Cuts everything and refuses connections until `open`. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    this.cutConnections();
    if (server === null) return;
    server.close();
    await once(server, 'close');
  }

  cutConnections(): void {
    this.#swallowsAnswers = false;
    this.#holdFrom = null;
    for (const { near, far } of this.#pairs) {
      near.destroy();
      far.destroy();
    }
  }

  /** From now on the server hears everything, and nobody hears the server. */
  swallowAnswers(): void {
    this.#swallowsAnswers = true;
  }

  /** Each connection from its first packet with this text on: the server doesn't get what the client sends. */
  holdFrom(text: string): void {
    this.#holdFrom = text;
  }

  get holds(): boolean {
    return [...this.#pairs].some(({ held }) => held !== null);
  }

  /** The clients are cut off, then the server gets what was held, as a network may deliver it. */
  cutAndDeliverHeld(): void {
    this.#holdFrom = null;
    for (const { near, far, held } of this.#pairs) {
      near.destroy();
      far.end(Buffer.concat(held ?? []));
    }
  }

  #join(near: Socket): void {
    const far = connect(this.#target);
    const pair: Pair = { near, far, held: null };
    this.#pairs.add(pair);
    for (const socket of [near, far]) socket.on('error', () => undefined);
    near.on('data', (chunk) => {
      if (pair.held === null && this.#holdFrom !== null && chunk.includes(this.#holdFrom)) pair.held = [];
      if (pair.held === null) far.write(chunk);
      else pair.held.push(chunk);
    });
    far.on('data', (chunk) => {
      if (!this.#swallowsAnswers && !near.destroyed) near.write(chunk);
    });
    near.on('close', () => {
      if (pair.held === null) far.destroy();
    });
    far.on('close', () => {
      near.destroy();
      this.#pairs.delete(pair);
    });
  }
}
