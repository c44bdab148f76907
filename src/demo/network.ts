/**
 * The network between the clients and the two servers: it takes an envelope at once, and brings it, and sometimes a
 * copy, when the plan says. A server notes the arrival by its own clock and writes to the ingest topic.
 */
import type { OutgoingEnvelope } from '../client/envelope.js';
import type { Transport } from '../client/sender.js';
import type { Clock } from '../clock/clock.js';
import { conversationIdOf } from '../protocol/conversation-id.js';
import type { Arrival } from './evidence.js';
import type { DemoPlan, PlannedMessage, Route } from './schedule.js';

export interface NetworkOptions {
  readonly plan: DemoPlan;
  /** How each of the two servers writes to the ingest topic. */
  readonly servers: readonly [Transport, Transport];
  readonly clock: Clock;
  readonly stop: AbortSignal;
  /** A server could not write: the run has failed. */
  readonly onFailure: (error: unknown) => void;
}

export class Network {
  readonly arrivals: Arrival[] = [];
  readonly #options: NetworkOptions;
  readonly #planned: ReadonlyMap<string, PlannedMessage>;
  readonly #underWay = new Set<Promise<void>>();

  constructor(options: NetworkOptions) {
    this.#options = options;
    const messages = options.plan.chats.flatMap((chat) => chat.messages);
    this.#planned = new Map(messages.map((message) => [message.clientMsgId, message]));
  }

  /** A client's transport. Resolves at once, as a network does that promises nothing. */
  readonly carry: Transport = async (envelope) => {
    const planned = this.#planned.get(envelope.clientMsgId);
    if (planned === undefined) return;
    for (const route of [planned.route, planned.copy]) {
      if (route !== null) this.#send(envelope, route);
    }
  };

  /** Resolves when everything that was taken has arrived and is written. */
  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  #send(envelope: OutgoingEnvelope, route: Route): void {
    const way = this.#bring(envelope, route)
      .catch(this.#options.onFailure)
      .finally(() => this.#underWay.delete(way));
    this.#underWay.add(way);
  }

  async #bring(envelope: OutgoingEnvelope, { server, delayMs }: Route): Promise<void> {
    const { clock, stop, servers, plan } = this.#options;
    await clock.sleep(delayMs, stop);
    if (stop.aborted) return;
    const { senderId, receiverId, groupId, clientMsgId, sentAt } = envelope;
    const conversationId = conversationIdOf(senderId, receiverId ?? null, groupId ?? null);
    const stampMs = clock.nowMs() + plan.serverClockMs[server];
    this.arrivals.push({ conversationId, clientMsgId, server, stampMs, sentAt });
    await servers[server](envelope, { signal: stop });
  }
}
