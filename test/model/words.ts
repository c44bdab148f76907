/** Requests and replies as a person reads them in a trace. */
import type { Plan } from '../../src/ordering/plan.js';
import type { Stamped } from '../../src/protocol/message.js';
import { nameOf } from './judge.js';
import type { Reply, Request } from './world.js';

export function describeRequest(request: Request, asker: string): string {
  const by = asker === 'nobody' ? 'of a worker that no longer waits' : `of ${asker}`;
  switch (request.kind) {
    case 'take':
      return `PostgreSQL does the take ${by}`;
    case 'fence':
      return `Kafka does the InitProducerId ${by}`;
    case 'position':
      return `Kafka reads the committed offset for ${asker}`;
    case 'epoch':
      return `PostgreSQL reads the epoch again for ${asker}`;
    case 'unforwarded':
      return `PostgreSQL reads what is above the watermark for ${asker}`;
    case 'held':
      return `PostgreSQL reads what is held for ${asker}`;
    case 'store':
      return `PostgreSQL does the store ${by} (${planned(request.plan)}, epoch ${request.laneEpoch})`;
    case 'produce':
      return `Kafka takes the records ${by} (${list(request.forward.stamped)}, producer epoch ${request.producer.epoch})`;
    case 'end':
      return `Kafka does the commit ${by} (${list(request.forward.stamped)}, offset ${request.forward.nextOffset})`;
    case 'abort':
      return `Kafka does the abort ${by}`;
  }
}

export function describeReply(reply: Reply, request: Request): string {
  switch (reply.kind) {
    case 'taken':
      return `epoch ${reply.row.epoch}, next offset ${reply.row.nextOffset}`;
    case 'initialised':
      return `producer epoch ${reply.producerEpoch}`;
    case 'position':
    case 'epoch': {
      const { committed } = reply.position;
      const at = committed === null ? 'nothing committed' : `offset ${committed.nextOffset} committed`;
      return reply.kind === 'position' ? at : `epoch ${reply.laneEpoch}`;
    }
    case 'unforwarded':
      return list(reply.stamped);
    case 'held':
      return `${reply.held.length} held`;
    case 'fenced':
      return `refused, fenced (${request.kind})`;
    case 'conflict':
      return 'refused, a unique index';
    case 'aborted':
      return reply.wasOpen ? 'aborted' : 'no transaction was open';
    default:
      return reply.kind;
  }
}

function planned({ stamped, held }: Plan): string {
  return held.length === 0 ? list(stamped) : `${list(stamped)}, ${held.length} to be held`;
}

function list(stamped: readonly Stamped[]): string {
  return stamped.length === 0 ? 'no messages' : stamped.map(nameOf).join(', ');
}
