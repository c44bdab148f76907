/** Where Kafka and PostgreSQL are: the environment says so, else the stack that runs in the data directory. */
import { readStack, stackPath, type FoundStack } from '../config/stack-file.js';
import type { ServerAddresses, Settings } from '../config/settings.js';
import { InorderError } from '../errors.js';

/** @throws InorderError stack_not_found */
export function findBrokers(settings: Settings): readonly string[] {
  if (settings.brokers !== null) return settings.brokers;
  const found = readStack(settings.dataDir);
  if (found.kind === 'running') return found.stack.brokers;
  throw notFound(settings, found, ['KAFKA_BROKERS']);
}

/** @throws InorderError stack_not_found */
export function findDatabase(settings: Settings): string {
  if (settings.databaseUrl !== null) return settings.databaseUrl;
  const found = readStack(settings.dataDir);
  if (found.kind === 'running') return found.stack.databaseUrl;
  throw notFound(settings, found, ['DATABASE_URL']);
}

/** @throws InorderError stack_not_found */
export function findServers(settings: Settings): ServerAddresses {
  if (settings.brokers === null && settings.databaseUrl === null) {
    const found = readStack(settings.dataDir);
    if (found.kind !== 'running') throw notFound(settings, found, ['KAFKA_BROKERS', 'DATABASE_URL']);
  }
  return { brokers: findBrokers(settings), databaseUrl: findDatabase(settings) };
}

function notFound(settings: Settings, found: FoundStack, unset: readonly string[]): InorderError {
  const path = stackPath(settings.dataDir);
  const variables = unset.join(' and ');
  const advice = `Start one with \`npx inorder start\`, or set ${variables}.`;
  return new InorderError(
    'stack_not_found',
    `${variables} ${unset.length > 1 ? 'are' : 'is'} unset, and ${why(found, path)}. ${advice}`,
  );
}

function why(found: FoundStack, path: string): string {
  switch (found.kind) {
    case 'stale':
      return `${path} is left from a stack that is gone (its process ${found.deadPid} no longer runs)`;
    case 'unreadable':
      return `${path} can't be used (${found.reason})`;
    case 'absent':
    case 'running':
      return `no running stack is known here (there is no ${path})`;
  }
}
