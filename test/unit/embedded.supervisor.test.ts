/** Keeper and supervisor, with shell scripts in the part of the servers. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, type Clock } from '../../src/clock/clock.js';
import { birthOf } from '../../src/files/process-facts.js';
import { Supervisor, type ServerPlan, type SuperviseOptions } from '../../src/embedded/supervisor.js';
import type { InorderError } from '../../src/errors.js';
import { silentLog } from '../../src/observe/log.js';
import { eventually } from '../support/isolation.js';
import { parentOf } from '../support/process-tree.js';

let dir: string;
let supervisor: Supervisor | null = null;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'inorder-supervisor-'));
});

afterEach(async () => {
  await supervisor?.stop();
  supervisor = null;
  rmSync(dir, { recursive: true });
});

const FOREVER = 'while :; do sleep 0.05; done';

/** A server that is ready once it has logged so. */
function planOf(script: string, changes: Partial<ServerPlan> = {}): ServerPlan {
  return {
    ...{ name: 'kafka', title: 'Kafka', port: 1, mark: dir, runAs: null, logPath: join(dir, 'server.log') },
    command: ['/bin/sh', '-c', script, dir],
    stopSteps: [
      { signal: 'SIGTERM', waitMs: 500 },
      { signal: 'SIGKILL', waitMs: 2_000 },
    ],
    startTimeoutMs: 10_000,
    isReady: (_pid, log) => log.includes('ready'),
    ...changes,
  };
}

/** The delays between restarts are not what is tested here. */
const hurried: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 10), signal) };

interface Told {
  readonly pids: number[];
  readonly failures: InorderError[];
  changes: number;
}

async function start(
  plan: ServerPlan,
  changes: Partial<SuperviseOptions> = {},
): Promise<{ server: Supervisor; told: Told }> {
  const told: Told = { pids: [], failures: [], changes: 0 };
  supervisor = await Supervisor.start(plan, {
    ...{ log: silentLog, clock: systemClock, restartOnCrash: true, onProgress: () => undefined },
    onSpawn: (pid) => told.pids.push(pid),
    onChange: () => (told.changes += 1),
    onFailure: (error) => told.failures.push(error),
    ...changes,
  });
  return { server: supervisor, told };
}

const within = (what: string) => ({ timeoutMs: 10_000, what });

test('a server is stopped by the signal of its plan, and its keeper goes with it', async () => {
  const { server } = await start(planOf(`trap 'echo stopped; exit 0' TERM; echo ready; ${FOREVER}`));
  const pid = server.pid!;
  const keeper = parentOf(pid);
  expect(birthOf(pid)).not.toBeNull();
  await server.stop();
  expect([birthOf(pid), birthOf(keeper)]).toEqual([null, null]);
});

test('a server that does not listen to the stop is ended by force', async () => {
  const { server } = await start(planOf(`trap '' TERM; echo ready; ${FOREVER}`));
  const pid = server.pid!;
  await server.stop();
  expect(birthOf(pid)).toBeNull();
});

test('a server that is killed is started again', async () => {
  const { server, told } = await start(planOf(`echo ready; ${FOREVER}`), { clock: hurried });
  const first = server.pid!;
  process.kill(first, 'SIGKILL');
  await eventually(() => told.changes === 1, within('the restart'));
  expect(server.pid).not.toBe(first);
  expect(birthOf(server.pid!)).not.toBeNull();
  expect(told.pids).toEqual([first, server.pid]);
  expect(told.failures).toEqual([]);
});

test('a server whose keeper is killed is ended and started again: never two at a time', async () => {
  const { server, told } = await start(planOf(`echo ready; ${FOREVER}`), { clock: hurried });
  const first = server.pid!;
  process.kill(parentOf(first), 'SIGKILL');
  await eventually(() => told.changes === 1, within('the restart'));
  expect(birthOf(first)).toBeNull();
  expect(birthOf(server.pid!)).not.toBeNull();
});

test('a server that dies again and again is given up, and its owner told once', async () => {
  const { server, told } = await start(planOf('echo ready; sleep 0.1; exit 3'), { clock: hurried });
  await eventually(() => told.failures.length > 0, within('giving up'));
  expect(told.failures).toHaveLength(1);
  expect(told.failures[0]).toMatchObject({ code: 'server_start_failed', message: expect.stringContaining('given up') });
  expect(told.pids).toHaveLength(7);
  expect(server.pid).toBeUndefined();
});

test('where restarts are off, the first death is told and nothing is started', async () => {
  const { server, told } = await start(planOf(`echo ready; ${FOREVER}`), { restartOnCrash: false });
  process.kill(server.pid!, 'SIGKILL');
  await eventually(() => told.failures.length > 0, within('the failure'));
  expect(told.failures[0]?.message).toContain('ended by signal 9');
  expect(told.pids).toHaveLength(1);
});

test('a start that fails shows how it ended and the end of the log, and leaves no process', async () => {
  const script = 'for n in 1 2 3; do echo "line $n"; done; echo "no space left" >&2; exit 5';
  await expect(start(planOf(script))).rejects.toMatchObject({
    code: 'server_start_failed',
    message: expect.stringMatching(/Kafka did not start: it ended with code 5\.[\s\S]*line 3\n\s+no space left$/),
  });
});

test('a server that is never ready is given its time and then ended', async () => {
  const pids: number[] = [];
  const options = { onSpawn: (pid: number) => void pids.push(pid) };
  const starting = start(planOf(FOREVER, { startTimeoutMs: 300 }), options);
  await expect(starting).rejects.toThrow('not ready after 0.3 s');
  expect(birthOf(pids[0]!)).toBeNull();
});

test('a stop while it is being started again ends what was begun', async () => {
  // Ready the first time only.
  const script = `[ -e "$0/once" ] || { touch "$0/once"; echo ready; }; ${FOREVER}`;
  const { server, told } = await start(planOf(script), { clock: hurried });
  process.kill(server.pid!, 'SIGKILL');
  await eventually(() => told.pids.length === 2, within('the restart to begin'));
  await server.stop();
  expect(told.pids.map((pid) => birthOf(pid))).toEqual([null, null]);
  expect(told.failures).toEqual([]);
});

test('each start begins a new log and keeps the one before', async () => {
  const { server, told } = await start(planOf(`echo "ready $$"; ${FOREVER}`), { clock: hurried });
  const first = server.pid!;
  process.kill(first, 'SIGKILL');
  await eventually(() => told.changes === 1, within('the restart'));
  expect(readFileSync(join(dir, 'server.log'), 'utf8')).toBe(`ready ${server.pid}\n`);
  expect(readFileSync(join(dir, 'server.log.1'), 'utf8')).toMatch(new RegExp(`^ready ${first}\n`));
});
