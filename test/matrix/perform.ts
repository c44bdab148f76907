/** Does to the system what was planned, and undoes it: when a fault is over nothing of it is left but its consequences. */
import { systemClock } from '../../src/clock/clock.js';
import { messageOf } from '../../src/errors.js';
import { until } from '../support/until.js';
import type { TcpGate } from '../support/tcp-gate.js';
import { isInSync } from './cluster-state.js';
import type { FaultKind, PlannedFault, Stage } from './schedule.js';
import type { SmallDisk } from './small-disk.js';
import type { Stand } from './stand.js';
import type { Worker } from './worker.js';

const ARMED_MS = 12_000;
const BROKERS_IN_SYNC_LIMIT_MS = 45_000;
const MOST_DELAY_MS = 250;

interface Deed {
  /** What exactly is done, for the timeline. */
  readonly text: string;
  /** Does it and undoes it. */
  readonly perform: (sleep: (ms: number) => Promise<void>) => Promise<void>;
}

/** Performs one fault to its end. What can't be done here is said in the timeline; never rejects. */
export async function performFault(stand: Stand, fault: PlannedFault, signal: AbortSignal): Promise<void> {
  const { timeline } = stand;
  if (fault.kind.startsWith('broker-') || fault.kind === 'disk-broker') await untilBrokersInSync(stand);
  const deed = DEEDS[fault.kind](stand, fault);
  if (typeof deed === 'string') return timeline.notDone(fault.kind, deed);
  const entry = timeline.fault(fault.kind, deed.text);
  try {
    await deed.perform((ms) => systemClock.sleep(ms, signal));
  } catch (error) {
    timeline.note(`${fault.kind} broke off: ${messageOf(error)}`);
  }
  timeline.ended(entry);
}

/** A second broker is not taken down while the cluster lacks one: with two of three gone there is nothing to be seen. */
async function untilBrokersInSync(stand: Stand): Promise<void> {
  const { direct } = stand.cluster;
  await until('brokers in sync', () => isInSync(direct), BROKERS_IN_SYNC_LIMIT_MS).catch(() =>
    stand.timeline.note('the brokers are not in sync after a long wait; going on'),
  );
}

/** @returns what to do, or why it can't be done. */
const DEEDS: Record<FaultKind, (stand: Stand, fault: PlannedFault) => Deed | string> = {
  'kill-logic': (stand, fault) => kill(workerOf(stand, 'logic', fault)),
  'kill-ingest': (stand, fault) => kill(workerOf(stand, 'ingest', fault)),
  'kill-delivery': (stand, fault) => kill(workerOf(stand, 'delivery', fault)),
  'stop-logic': (stand, fault) => suspend(workerOf(stand, 'logic', fault), fault),
  'stop-ingest': (stand, fault) => suspend(workerOf(stand, 'ingest', fault), fault),
  'stop-delivery': (stand, fault) => suspend(workerOf(stand, 'delivery', fault), fault),
  failpoint: armFailpoints,
  storm: rebalanceStorm,
  'broker-kill': (stand, fault) =>
    signalled(`broker ${brokerOf(stand, fault).id}`, brokerOf(stand, fault).pid(), 'SIGKILL'),
  'broker-pause': pauseBroker,
  'broker-roll': rollBrokers,
  'postgres-kill': ({ postgresPid }) => signalled('PostgreSQL', postgresPid, 'SIGKILL'),
  'postgres-stop': ({ postgresPid }) => signalled('PostgreSQL', postgresPid, 'SIGQUIT'),
  'postgres-cut': ({ postgresGate }) => ({
    text: 'all connections cut',
    perform: async () => postgresGate.cutConnections(),
  }),
  'postgres-swallow': ({ postgresGate }, { strength }) => ({
    text: 'statements arrive, replies are swallowed, then the connections are cut',
    perform: async (sleep) => {
      postgresGate.swallowAnswers();
      await sleep(100 + strength * 1_500);
      postgresGate.cutConnections();
    },
  }),
  'postgres-late': ({ postgresGate }, { strength }) => ({
    text: 'stores are held, their connections cut, then PostgreSQL gets them',
    perform: (sleep) => late([postgresGate], 'store_', 200 + strength * 2_000, sleep),
  }),
  'network-delay': delayNetwork,
  'network-cut': ({ cluster }) => ({
    text: 'connections of all workers to all brokers',
    perform: async () => cluster.brokers.forEach(({ gate }) => gate.cutConnections()),
  }),
  'network-silence': (stand, fault) => {
    const { id, gate } = brokerOf(stand, fault);
    return {
      text: `broker ${id}: nothing gets through either way, and no connection ends`,
      perform: async (sleep) => {
        gate.silence();
        await sleep(fault.lastsMs * 1.5);
        gate.cutConnections();
      },
    };
  },
  'network-late': ({ cluster }, { strength }) => ({
    text: 'requests to all brokers are held, their connections cut, then the brokers get them',
    perform: (sleep) =>
      late(
        cluster.brokers.map(({ gate }) => gate),
        'inorder-',
        200 + strength * 3_000,
        sleep,
      ),
  }),
  'disk-postgres': ({ postgresDisk }, fault) => fillDisk('PostgreSQL', postgresDisk, fault),
  'disk-broker': ({ brokerDisk }, fault) => fillDisk('broker 3', brokerDisk, fault),
  clock: stepClock,
  poison: (stand) => ({
    text: '300 broken records of every kind, within a second',
    perform: async () => stand.load('the poison', { count: 300, ratePerSecond: 300, shares: { bad: '100%' } }),
  }),
};

function workerOf({ workers }: Stand, stage: Stage, { target }: PlannedFault): Worker {
  const candidates = workers.filter((worker) => worker.stage === stage);
  const worker = candidates[target % candidates.length];
  if (worker === undefined) throw new Error(`no worker runs ${stage}`);
  return worker;
}

function brokerOf({ cluster }: Stand, { target }: PlannedFault): Stand['cluster']['brokers'][number] {
  const broker = cluster.brokers[target % cluster.brokers.length];
  if (broker === undefined) throw new Error('no broker');
  return broker;
}

function kill(worker: Worker): Deed | string {
  if (worker.pid === undefined) return `${worker.name} is dead already`;
  return { text: `${worker.name}, pid ${worker.pid}`, perform: async () => worker.kill() };
}

/** Half of the time beyond what the group waits for. */
function suspend(worker: Worker, { lastsMs }: PlannedFault): Deed | string {
  if (worker.pid === undefined) return `${worker.name} is dead already`;
  return {
    text: `${worker.name}, pid ${worker.pid}`,
    perform: async (sleep) => {
      worker.signal('SIGSTOP');
      await sleep(lastsMs);
      worker.signal('SIGCONT');
    },
  };
}

function signalled(what: string, pid: number | undefined, signal: NodeJS.Signals): Deed | string {
  if (pid === undefined) return `${what} is dead already`;
  return {
    text: `${what}, pid ${pid}`,
    perform: async () => {
      process.kill(pid, signal);
    },
  };
}

function armFailpoints(stand: Stand, fault: PlannedFault): Deed {
  const armed = fault.failpoints ?? [];
  return {
    text: armed.map(({ points }) => points).join(' | '),
    perform: async (sleep) => {
      const workers = armed.map(({ stage, number, points }) => ({
        ...{ points, worker: workerOf(stand, stage, { ...fault, target: fault.target + number }) },
      }));
      await Promise.all(workers.map(({ worker, points }) => worker.restartWith({ INORDER_FAILPOINTS: points })));
      await sleep(ARMED_MS);
      await Promise.all(workers.map(({ worker }) => worker.restartWith({})));
    },
  };
}

function rebalanceStorm(stand: Stand, { lastsMs }: PlannedFault): Deed {
  return {
    text: 'two logic workers and an ingest join one after the other; one leaves, one dies, one leaves',
    perform: async (sleep) => {
      const guests = [stand.extraWorker('logic', 1), stand.extraWorker('ingest', 1), stand.extraWorker('logic', 2)];
      for (const guest of guests) {
        guest.start();
        await sleep(lastsMs / 3);
      }
      await guests[0]?.stop();
      guests[2]?.kill();
      await Promise.all(guests.map((guest) => guest.stop()));
    },
  };
}

function pauseBroker(stand: Stand, fault: PlannedFault): Deed | string {
  const broker = brokerOf(stand, fault);
  const pid = broker.pid();
  if (pid === undefined) return `broker ${broker.id} is dead already`;
  return {
    text: `broker ${broker.id}, pid ${pid}`,
    perform: async (sleep) => {
      process.kill(pid, 'SIGSTOP');
      await sleep(4_000 + fault.lastsMs);
      process.kill(pid, 'SIGCONT');
    },
  };
}

function rollBrokers(stand: Stand): Deed {
  return {
    text: 'each in turn, when all are in sync again',
    perform: async () => {
      for (const broker of stand.cluster.brokers) {
        const before = broker.pid();
        if (before === undefined) continue;
        process.kill(before, 'SIGTERM');
        await until('the broker again', () => ![undefined, before].includes(broker.pid()), 60_000);
        await untilBrokersInSync(stand);
      }
    },
  };
}

/** What the client sent arrives after the client was cut off and has sent it again: the duplicate that TCP allows. */
async function late(
  gates: readonly TcpGate[],
  from: string,
  ms: number,
  sleep: (ms: number) => Promise<void>,
): Promise<void> {
  for (const gate of gates) gate.holdFrom(from);
  await sleep(ms);
  for (const gate of gates) gate.cutAndDeliverHeld();
}

function delayNetwork({ cluster, postgresGate }: Stand, { strength, lastsMs }: PlannedFault): Deed {
  const delayMs = Math.ceil(strength * MOST_DELAY_MS);
  const gates = [...cluster.brokers.map(({ gate }) => gate), postgresGate];
  return {
    text: `${delayMs} ms more in each direction, to all servers`,
    perform: async (sleep) => {
      for (const gate of gates) gate.delay(delayMs);
      await sleep(lastsMs);
      for (const gate of gates) gate.delay(0);
    },
  };
}

function fillDisk(what: string, disk: SmallDisk | string, { lastsMs }: PlannedFault): Deed | string {
  if (typeof disk === 'string') return disk;
  return {
    text: `${what}: filled to the last block`,
    perform: async (sleep) => {
      try {
        disk.fill();
        await sleep(lastsMs);
      } finally {
        disk.free();
      }
    },
  };
}

function stepClock({ clock }: Stand, { strength, target, lastsMs }: PlannedFault): Deed | string {
  if (typeof clock === 'string') return clock;
  // From a tenth of a second to an hour, both ways, small steps as often as large ones.
  const seconds = Number((0.1 * 36_000 ** strength).toFixed(1)) * (target % 2 === 0 ? 1 : -1);
  return {
    text: `of a logic worker by ${seconds} s, and back`,
    perform: async (sleep) => {
      clock.step(seconds);
      await sleep(lastsMs + 2_000);
      clock.step(0);
    },
  };
}
