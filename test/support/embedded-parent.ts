/**
 * A process that owns embedded servers and can be killed: `node --import …/typescript.mjs embedded-parent.ts <options>`.
 * Prints a line of JSON when they are ready, or the error's code and message; stops them when its input ends.
 */
import { startServers, type ServersOptions } from '../../src/embedded/servers.js';
import { InorderError, messageOf } from '../../src/errors.js';
import { silentLog } from '../../src/observe/log.js';

const options = JSON.parse(process.argv[2] ?? '{}') as Omit<ServersOptions, 'log' | 'onProgress'>;
try {
  const servers = await startServers({ ...options, log: silentLog, onProgress: () => undefined });
  const { brokers, databaseUrl } = servers;
  process.stdout.write(`${JSON.stringify({ brokers, databaseUrl, pids: servers.pids() })}\n`);
  for await (const _ of process.stdin);
  await servers.stop();
} catch (error) {
  const code = error instanceof InorderError ? error.code : 'unknown';
  process.stdout.write(`${JSON.stringify({ code, message: messageOf(error) })}\n`);
}
