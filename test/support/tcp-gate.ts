import { createServer, connect, type Server, type Socket } from 'node:net';
import { once } from 'node:events';

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
  readonly toServer: Direction;
  readonly toClient: Direction;
  /** What the client sent and the server hasn't got; null while nothing is held. */
  held: Buffer[] | null;
}

/**
 * Stands between clients and a server: cuts connections, delays and silences them, holds what clients send, swallows
 * what the server answers. The bytes of a stream never change their order.
 */
export class TcpGate {
  readonly #target: { host: string; port: number };
  readonly #pairs = new Set<Pair>();
  #server: Server | null = null;
  #port = 0;
  #swallowsAnswers = false;
  #holdFrom: string | null = null;
  #delayMs = 0;
  #isSilent = false;

  constructor(target: { host: string; port: number }) {
    this.#target = target;
  }

  get port(): number {
    return this.#port;
  }

  /** Lets connections through; at the same port as before, or at the one named. */
  async open(port = this.#port): Promise<void> {
    const server = createServer((near) => this.#join(near));
    server.listen(port, '127.0.0.1');
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

  /** Also ends whatever else the gate did: what connects next passes freely. */
  cutConnections(): void {
    this.#swallowsAnswers = false;
    this.#holdFrom = null;
    this.#isSilent = false;
    for (const { near, far } of this.#pairs) {
      near.destroy();
      far.destroy();
    }
  }

  /** From now on the server hears everything, and nobody hears the server. */
  swallowAnswers(): void {
    this.#swallowsAnswers = true;
  }

  /** From now on nobody hears anybody, and no connection ends: as with a cable that was pulled. */
  silence(): void {
    this.#isSilent = true;
  }

  /** Everything takes this much longer, in both directions. */
  delay(ms: number): void {
    this.#delayMs = ms;
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
    const delayMs = (): number => this.#delayMs;
    const pair: Pair = {
      near,
      far,
      toServer: new Direction(far, delayMs),
      toClient: new Direction(near, delayMs),
      held: null,
    };
    this.#pairs.add(pair);
    for (const socket of [near, far]) socket.on('error', () => undefined);
    near.on('data', (chunk) => {
      if (this.#isSilent) return;
      if (pair.held === null && this.#holdFrom !== null && chunk.includes(this.#holdFrom)) pair.held = [];
      if (pair.held === null) pair.toServer.send(chunk);
      else pair.held.push(chunk);
    });
    far.on('data', (chunk) => {
      if (!this.#swallowsAnswers && !this.#isSilent) pair.toClient.send(chunk);
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

/** One direction of one connection: what is sent goes out later, in the order in which it came. */
class Direction {
  readonly #to: Socket;
  readonly #delayMs: () => number;
  readonly #waiting: { readonly chunk: Buffer; readonly dueMs: number }[] = [];

  constructor(to: Socket, delayMs: () => number) {
    this.#to = to;
    this.#delayMs = delayMs;
  }

  send(chunk: Buffer): void {
    const delayMs = this.#delayMs();
    if (delayMs === 0 && this.#waiting.length === 0) this.#write(chunk);
    else {
      this.#waiting.push({ chunk, dueMs: performance.now() + delayMs });
      if (this.#waiting.length === 1) setTimeout(() => this.#pass(), delayMs);
    }
  }

  #pass(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const waitMs = next.dueMs - performance.now();
      if (waitMs > 0) {
        setTimeout(() => this.#pass(), waitMs);
        return;
      }
      this.#waiting.shift();
      this.#write(next.chunk);
    }
  }

  #write(chunk: Buffer): void {
    if (!this.#to.destroyed) this.#to.write(chunk);
  }
}
