/** The servers that `start` and `servers` bring up themselves, and the file by which other commands find them. */
import type { ServerAddresses, Settings } from '../config/settings.js';
import { readStack, removeStack, stackPath, writeStack } from '../config/stack-file.js';
import { startServers } from '../embedded/servers.js';
import { InorderError } from '../errors.js';
import type { CommandContext } from './context.js';
import type { Resources } from './resources.js';
import { step } from './steps.js';

export interface LocalServers extends ServerAddresses {
  pids(): Readonly<Record<string, number>>;
  onChange(listener: () => void): void;
  /** Resolves when a server is dead and stays dead. */
  readonly failed: Promise<InorderError>;
}

/**
 * Starts the embedded servers of which no address is given. @throws InorderError tool_missing, config_invalid,
 * server_start_failed
 */
export async function startLocalServers(
  { settings, log }: CommandContext,
  given: { readonly brokers: readonly string[] | null; readonly databaseUrl: string | null },
  resources: Resources,
  stop: AbortSignal,
): Promise<LocalServers> {
  const wanted = { kafka: given.brokers === null, postgres: given.databaseUrl === null };
  if (!wanted.kafka && !wanted.postgres) return givenServers(given.brokers ?? [], given.databaseUrl ?? '');
  const title = [wanted.kafka ? 'Kafka' : null, wanted.postgres ? 'PostgreSQL' : null].filter(Boolean).join(' and ');
  const servers = await step(
    `embedded ${title}`,
    async (say) => {
      const started = await startServers({
        ...wanted,
        dataDir: settings.dataDir,
        kafkaPort: settings.kafkaPort,
        postgresPort: settings.pgPort,
        javaHome: settings.javaHome,
        restartOnCrash: true,
        log,
        onProgress: say,
        signal: stop,
      });
      resources.opened('embedded servers', () => started.stop());
      return started;
    },
    ({ brokers }) => [...brokers, ...(wanted.postgres ? [`data in ${settings.dataDir}`] : [])].join(', '),
  );
  return {
    brokers: given.brokers ?? servers.brokers,
    databaseUrl: given.databaseUrl ?? servers.databaseUrl,
    pids: () => ({ ...servers.pids() }),
    onChange: (listener) => servers.onChange(listener),
    failed: new Promise((resolve) => servers.onFailure(resolve)),
  };
}

function givenServers(brokers: readonly string[], databaseUrl: string): LocalServers {
  return { brokers, databaseUrl, pids: () => ({}), onChange: () => undefined, failed: new Promise(() => undefined) };
}

/** Two stacks in one data directory would be found as one. @throws InorderError server_start_failed */
export function refuseSecondStack(settings: Settings): void {
  const found = readStack(settings.dataDir);
  if (found.kind !== 'running') return;
  throw new InorderError(
    'server_start_failed',
    `a stack runs in ${settings.dataDir} already (process ${found.stack.pids['inorder'] ?? '?'}, ${stackPath(settings.dataDir)}): ` +
      '`inorder run ingest logic delivery` adds stages to it; another INORDER_DATA_DIR is another stack',
  );
}

/** Writes stack.json, now and whenever a server comes back under another pid; removes it at the stop. */
export function announceStack(
  settings: Settings,
  servers: LocalServers,
  httpUrl: string | null,
  resources: Resources,
): void {
  const write = (): void =>
    writeStack(settings.dataDir, {
      brokers: [...servers.brokers],
      databaseUrl: servers.databaseUrl,
      ...(httpUrl === null ? {} : { httpUrl }),
      pids: { inorder: process.pid, ...servers.pids() },
    });
  let isAnnounced = true;
  write();
  resources.opened('stack.json', async () => {
    isAnnounced = false;
    removeStack(settings.dataDir);
  });
  servers.onChange(() => {
    if (isAnnounced) write();
  });
}
