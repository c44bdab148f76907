/** The clients: each has a `Sender` of the SDK, a clock of its own, and its numbers in a file. */
import { rm } from 'node:fs/promises';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileSequenceStore } from '../client/node/file-sequence-store.js';
import { Sender, type Transport } from '../client/sender.js';
import type { OutgoingMessage } from '../client/envelope.js';
import type { Clock } from '../clock/clock.js';
import { InorderError } from '../errors.js';

interface Person {
  readonly sender: Sender;
  readonly sequence: FileSequenceStore;
  lastEpoch: number;
}

export class People {
  readonly #folder = mkdtempSync(join(tmpdir(), 'inorder-demo-'));
  readonly #people = new Map<string, Person>();
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #clockMs: ReadonlyMap<string, number>;

  /** @param clockMs by sender: what its clock shows, less the true time */
  constructor(transport: Transport, clock: Clock, clockMs: ReadonlyMap<string, number>) {
    this.#transport = transport;
    this.#clock = clock;
    this.#clockMs = clockMs;
  }

  /** Resolves when the network has it, with the epoch of its number. @throws InorderError where it could not be sent */
  async say(senderId: string, message: OutgoingMessage): Promise<number> {
    const person = this.#people.get(senderId) ?? (await this.#begin(senderId));
    const result = await person.sender.send(message);
    if (result.kind !== 'sent') throw new InorderError('sequence_store_failed', `${senderId}: ${result.reason}`);
    person.lastEpoch = result.envelope.senderEpoch;
    return person.lastEpoch;
  }

  /**
   * As after a reinstall that took everything: both files are gone, and the next start finds nothing. Answers the epoch
   * that ended.
   */
  async loseNumbers(senderId: string): Promise<number> {
    const before = this.#people.get(senderId);
    await before?.sender.close();
    await before?.sequence.close();
    const path = this.#pathOf(senderId);
    await Promise.all([rm(path, { force: true }), rm(`${path}.conversations`, { force: true })]);
    await this.#begin(senderId);
    return before?.lastEpoch ?? 0;
  }

  async close(): Promise<void> {
    for (const { sender, sequence } of this.#people.values()) {
      await sender.close();
      await sequence.close();
    }
    await rm(this.#folder, { recursive: true, force: true });
  }

  #pathOf(senderId: string): string {
    return join(this.#folder, `${encodeURIComponent(senderId)}.seq`);
  }

  async #begin(senderId: string): Promise<Person> {
    const sequence = await FileSequenceStore.open(this.#pathOf(senderId));
    const skewMs = this.#clockMs.get(senderId) ?? 0;
    const nowMs = (): number => this.#clock.nowMs() + skewMs;
    const sender = new Sender({ senderId, sequence, transport: this.#transport, nowMs });
    const person = { sender, sequence, lastEpoch: 0 };
    this.#people.set(senderId, person);
    return person;
  }
}
