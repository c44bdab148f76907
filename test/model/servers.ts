/** PostgreSQL and Kafka as pure functions: a request done, the world after it, and what the asker will hear. */
import { encodeWatermark } from '../../src/lane/watermark.js';
import { identityOf } from '../../src/ordering/state.js';
import type { LaneEpoch } from '../../src/protocol/ids.js';
import type { Stamped } from '../../src/protocol/message.js';
import type { Kafka, LaneRow, Reply, Request, World } from './world.js';

/** Rows emitted in one transaction; small, so that an emission takes several. */
const PAGE = 2;

export interface Done {
  readonly world: World;
  readonly reply: Reply;
}

/** What the servers may do with a request: one way, or two where fetchOffsets may answer an old value. */
export function perform(world: World, request: Request): Done[] {
  switch (request.kind) {
    case 'take': {
      const row: LaneRow = { ...world.row, epoch: world.row.epoch + 1 };
      return [{ world: { ...world, row }, reply: { kind: 'taken', row } }];
    }
    case 'fence':
      return [fence(world)];
    case 'position':
      return positions(world);
    case 'epoch': {
      const laneEpoch = world.row.epoch as LaneEpoch;
      return [{ world, reply: { kind: 'epoch', laneEpoch, position: request.position } }];
    }
    case 'unforwarded': {
      const above = world.rows.filter(({ msgId }) => msgId > request.after);
      return [{ world, reply: { kind: 'unforwarded', stamped: above.slice(0, PAGE), isLast: above.length < PAGE } }];
    }
    case 'held':
      return [{ world, reply: { kind: 'held', held: world.rules.breakage === 'holds-forgotten' ? [] : world.held } }];
    case 'store':
      return [store(world, request)];
    case 'produce':
      return [produce(world, request)];
    case 'end':
      return [end(world, request)];
    case 'abort':
      return [abort(world, request)];
  }
}

/** Whether a request that nobody waits for can still change anything; the epochs that refuse it only ever grow. */
export function canMatter(world: World, request: Request): boolean {
  switch (request.kind) {
    case 'take':
      return request.foundEpoch === world.row.epoch; // it raises the epoch from the value it read
    case 'fence':
      return world.rules.breakage !== 'no-kafka-fence';
    case 'position':
    case 'epoch':
    case 'unforwarded':
    case 'held':
      return false;
    case 'store':
      return world.rules.breakage === 'no-postgres-fence' || mayStore(world.row, request);
    case 'produce':
    case 'end':
    case 'abort':
      return mayWrite(world, request.producer.epoch);
  }
}

function mayStore(row: LaneRow, { laneEpoch, plan }: Extract<Request, { kind: 'store' }>): boolean {
  return row.epoch === laneEpoch && row.nextOffset === plan.fromOffset && row.lastMsgId === plan.floor;
}

function store(world: World, request: Extract<Request, { kind: 'store' }>): Done {
  const { plan } = request;
  if (world.rules.breakage !== 'no-postgres-fence' && !mayStore(world.row, request)) {
    return { world, reply: { kind: 'fenced' } };
  }
  if (plan.stamped.some((one) => world.rows.some((row) => collide(one, row)))) {
    return { world, reply: { kind: 'conflict' } };
  }
  const row: LaneRow = { epoch: world.row.epoch, nextOffset: plan.nextOffset, lastMsgId: plan.lastMsgId };
  const rows = [...world.rows, ...plan.stamped];
  const released = new Set(plan.released.map(({ logicOffset }) => logicOffset));
  const held = [...world.held.filter(({ logicOffset }) => !released.has(logicOffset)), ...plan.held];
  return { world: { ...world, row, rows, held }, reply: { kind: 'stored' } };
}

/** The primary key and the unique index. */
function collide(a: Stamped, b: Stamped): boolean {
  if (a.kind !== 'message' || b.kind !== 'message' || a.conversationId !== b.conversationId) return false;
  return a.seq === b.seq || identityOf(a) === identityOf(b);
}

/** InitProducerId: whoever wrote under this transactional id can't any more, and its open transaction is aborted. */
function fence(world: World): Done {
  const producerEpoch = world.kafka.producerEpoch + 1;
  const isBroken = world.rules.breakage === 'no-kafka-fence';
  const log = isBroken ? world.kafka.log : settled(world.kafka.log, producerEpoch - 1, 'aborted');
  const kafka: Kafka = { ...world.kafka, producerEpoch, log, lastBatch: null, formerlyCommitted: 'none' };
  return { world: { ...world, kafka }, reply: { kind: 'initialised', producerEpoch } };
}

function positions(world: World): Done[] {
  const { committed, formerlyCommitted } = world.kafka;
  const answers = formerlyCommitted === 'none' ? [committed] : [committed, formerlyCommitted];
  return answers.map((answer) => ({
    world,
    reply: {
      kind: 'position',
      position: { committed: answer, logStart: 0, logEnd: world.rules.drafts.length },
    },
  }));
}

export function mayWrite({ kafka, rules }: World, producerEpoch: number): boolean {
  return producerEpoch === kafka.producerEpoch || rules.breakage === 'no-kafka-fence';
}

function produce(world: World, { producer, forward }: Extract<Request, { kind: 'produce' }>): Done {
  if (!mayWrite(world, producer.epoch)) return { world, reply: { kind: 'fenced' } };
  const { kafka } = world;
  const batch = { sequence: producer.sequence, count: forward.stamped.length };
  const isRepetition = kafka.lastBatch?.sequence === batch.sequence && kafka.lastBatch.count === batch.count;
  if (isRepetition && world.rules.brokerDropsRepetitions) return { world, reply: { kind: 'produced' } };
  const transaction = { producerEpoch: producer.epoch, state: 'open' as const, stamped: forward.stamped };
  return {
    world: { ...world, kafka: { ...kafka, lastBatch: batch, log: [...kafka.log, transaction] } },
    reply: { kind: 'produced' },
  };
}

function end(world: World, { producer, forward }: Extract<Request, { kind: 'end' }>): Done {
  if (!mayWrite(world, producer.epoch)) return { world, reply: { kind: 'fenced' } };
  const { kafka } = world;
  const committed = { nextOffset: forward.nextOffset, metadata: encodeWatermark(forward.watermark) };
  const log = settled(kafka.log, producer.epoch, 'committed');
  return {
    world: { ...world, kafka: { ...kafka, log, committed, formerlyCommitted: kafka.committed } },
    reply: { kind: 'committed' },
  };
}

function abort(world: World, { producer }: Extract<Request, { kind: 'abort' }>): Done {
  if (!mayWrite(world, producer.epoch)) return { world, reply: { kind: 'fenced' } };
  const wasOpen = world.kafka.log.some((one) => one.state === 'open' && one.producerEpoch === producer.epoch);
  const log = settled(world.kafka.log, producer.epoch, 'aborted');
  return { world: { ...world, kafka: { ...world.kafka, log } }, reply: { kind: 'aborted', wasOpen } };
}

/** The broker ends a transaction that is open for too long, and fences its producer. */
export function timeOut(world: World): World {
  const { kafka } = world;
  const log = settled(kafka.log, kafka.producerEpoch, 'aborted');
  return { ...world, kafka: { ...kafka, log, producerEpoch: kafka.producerEpoch + 1, lastBatch: null } };
}

function settled(log: Kafka['log'], producerEpoch: number, state: 'committed' | 'aborted'): Kafka['log'] {
  return log.map((one) => (one.state === 'open' && one.producerEpoch === producerEpoch ? { ...one, state } : one));
}
